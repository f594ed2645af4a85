"""What a training run is made of. Recipes are plain Python values; stages read them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from model.action_space import ActionSpace
from model.place.state import StateModel
from model.presets import Preset
from model.world import SamplerSpec
from training.data.games.frame_oracle import Oracle
from training.data.recorder import Recorder
from training.data.source import RecordingSource
from training.recipes.settings.evaluation import FULL, EvaluationBudget
from training.recipes.settings.history import TRUTH, HistorySettings
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.on_policy import NO_ROLLOUTS, OnPolicySettings
from training.recipes.settings.picture import PictureWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRecipe:
    """Train, validation and held-out films, and those that teach evaluation's inverse dynamics
    model, come from different seeds of the same place, or from different players where recordings
    are given; only numbers of frames count for those. `least_walk` is the room ahead that a probe
    needs: map units in the first twelve frames of walking forward."""

    train_frames: int
    train_takes: int
    held_out_frames: int
    held_out_takes: int
    train_seed: int = 0
    validation_frames: int = 2_000
    validation_takes: int = 1
    validation_seed: int = 5_000
    held_out_seed: int = 10_000
    tokenizer_frames: int = 0
    inverse_dynamics_frames: int = 12_500
    inverse_dynamics_episodes: int = 5
    inverse_dynamics_seed: int = 30_000
    probes: int = 20
    probe_seed: int = 20_000
    least_walk: float = 140.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerRecipe:
    """`kl` weighs how far latents are from a standard normal."""

    batch_size: int
    lr: float
    ema_decay: float
    minutes: float
    picture: PictureWeights
    kl: float = 5e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderRecipe:
    """The tokenizer's second stage: the decoder goes on behind the finished encoder. `adversarial`
    is how hard a critic may pull, against the picture loss; 0 is none. `lpips` names the weights
    of the perceptual term (AlexNet's and LPIPS's own); without them the run's own feature network
    measures.
    """

    batch_size: int
    lr: float
    ema_decay: float
    minutes: float
    picture: PictureWeights
    adversarial: float = 0.0
    critic_lr: float = 4e-4
    lpips: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRecipe:
    """The map of a place: trained on single frames before the teacher, and frozen from then on."""

    batch_size: int
    muon_lr: float
    adamw_lr: float
    ema_decay: float
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AsServedRecipe:
    """Trains frames as they are served: each from noise, after a clean past (skip-causal mask:
    ACDiT, arXiv 2412.07720). The first `num_past` frames of a clip are only past. In one of
    `own_every` steps (0: in none) `own_share` of the other past frames are the network's own, drawn
    from pure noise in one call (Epona, arXiv 2506.24113). `press_share` of the clips hold the press
    of a button; a frame whose action presses a button weighs `press_weight`."""

    num_past: int = 4
    own_every: int = 3
    own_share: float = 0.5
    press_share: float = 0.0
    press_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NFDRecipe:
    """The teacher. Clips are as long as the model's window, or `clip_frames`. `as_served`: frames
    are trained after a clean past, and `history` has no part in it. Else `history`: what clips
    show as context instead of the truth. `action_dropout` of them do not show their actions, which
    the student's guidance needs. A step is the mean over `micro_batches` batches. `checkpointing`
    saves memory for a third more work; `compiled` needs a GPU."""

    batch_size: int
    muon_lr: float
    adamw_lr: float
    ema_decay: float
    minutes: float
    mixture: NoiseMixture
    history: HistorySettings = TRUTH
    as_served: AsServedRecipe | None = None
    action_dropout: float = 0.0
    clip_frames: int | None = None
    micro_batches: int = 1
    checkpointing: bool = False
    compiled: bool = False

    def for_workers(self, num_workers: int) -> "NFDRecipe":
        """As many clips a step, in batches that so many workers can divide. Raises ValueError."""
        if self.micro_batches % num_workers == 0:
            return self
        if self.batch_size % num_workers:
            raise ValueError(
                f"{num_workers} workers cannot divide {self.micro_batches} batches of "
                f"{self.batch_size} clips"
            )
        return replace(
            self, batch_size=self.batch_size // num_workers,
            micro_batches=self.micro_batches * num_workers,
        )  # fmt: skip  # a table of numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentRecipe:
    """`method` is "discrete" (plain consistency) or "continuous" (sCM), whose tangent grows to its
    full size over `warmup_steps`. `guidance` is how far the teacher is led away from what it would
    draw without knowing the action; 1 leaves it alone. `adversarial` weighs what the critic says;
    0 leaves it out. The critic takes wrong actions from the other clips of a batch: there should
    be two at least. `on_policy`: the adversarial loss on
    on-policy rollouts. With
    `judge_jumps` half of what the first one sees is made of pure noise in one call.
    `micro_batches` and `checkpointing` are as for the teacher."""

    batch_size: int
    muon_lr: float
    adamw_lr: float
    ema_decay: float
    minutes: float
    mixture: NoiseMixture
    method: Literal["discrete", "continuous"]
    warmup_steps: int
    guidance: float = 1.0
    adversarial: float = 0.0
    on_policy: OnPolicySettings = NO_ROLLOUTS
    judge_jumps: bool = False
    critic_lr: float = 1e-3
    micro_batches: int = 1
    checkpointing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One world, from recorder to release; `recorder` may be a folder of what others have recorded,
    which there is no game to ask about. `second_recorder` films half of what is learned from: the
    same place, played in another way. `tokenizer_recorder` films what only the tokenizer learns
    from, beside the play. `is_tiled`: its pictures are the island's tiles, which an oracle reads.
    `teacher_sampler` serves the teacher's weights, `student_sampler` the student's; `num_starts`
    opening clips; `extent` is how much its card measures, and `oracle` reads frames where the
    world's rules can. `num_threads`: for networks so small that threads wait for each other more
    than they work. `map` and `state_model` (how a player's state is carried on): for a preset with
    a place."""

    name: str
    title: str
    version: str
    licence: str
    fps: float
    preset: Preset
    action_space: ActionSpace
    recorder: Recorder | RecordingSource
    record: RecordRecipe
    tokenizer: TokenizerRecipe
    decoder: DecoderRecipe
    teacher: NFDRecipe
    student: StudentRecipe
    teacher_sampler: SamplerSpec
    student_sampler: SamplerSpec
    num_starts: int
    evaluation: EvaluationBudget = FULL
    oracle: Oracle | None = None
    num_threads: int | None = None
    is_tiled: bool = False
    second_recorder: Recorder | None = None
    tokenizer_recorder: Recorder | None = None
    map: MapRecipe | None = None
    state_model: Callable[[], StateModel] | None = None
