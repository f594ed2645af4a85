"""What a training run is made of. Recipes are plain Python values; stages read them."""

from dataclasses import dataclass

from model.action_space import ActionSpace
from model.presets import Preset
from model.world import SamplerSpec
from training.data.filming import Recorder
from training.objectives.noise import NoiseMixture
from training.objectives.reconstruction import ReconstructionWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRecipe:
    """Train and held-out films come from different seeds of the same place. `least_walk` is the
    room ahead that a probe needs: map units in the first twelve frames of walking forward."""

    train_frames: int
    train_takes: int
    held_out_frames: int
    held_out_takes: int
    train_seed: int = 0
    held_out_seed: int = 10_000
    probes: int = 20
    probe_seed: int = 20_000
    least_walk: float = 140.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerRecipe:
    batch_size: int
    lr: float
    ema_decay: float
    minutes: float
    weights: ReconstructionWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class NFDRecipe:
    """Teacher or student. Clips are as long as the model's window."""

    batch_size: int
    muon_lr: float
    adamw_lr: float
    ema_decay: float
    minutes: float
    mixture: NoiseMixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One world, from recorder to release. `teacher_sampler` serves the teacher's weights,
    `student_sampler` the student's; `num_starts` opening clips of `start_frames` frames each."""

    name: str
    title: str
    version: str
    licence: str
    fps: float
    preset: Preset
    action_space: ActionSpace
    recorder: Recorder
    record: RecordRecipe
    tokenizer: TokenizerRecipe
    teacher: NFDRecipe
    student: NFDRecipe
    student_warmup_steps: int
    teacher_sampler: SamplerSpec
    student_sampler: SamplerSpec
    num_starts: int
