"""The paper's world: Minecraft at 384x224 and 20 fps, from recordings in VPT's form (`name.mp4`
beside `name.jsonl`), with the network of 310M parameters.

Sizes, clip length, noise per frame, the steps of both samplers and AdamW's rate are those of NFD
(arXiv 2506.01380) or its siblings; where those are silent (Muon, EMA, tokenizer) numbers are our
own and no GPU has tried them yet. `minecraft_small.py` is the same on a CPU.
"""

from pathlib import Path

from model import presets
from model.sampling.schedule import trig_time
from training.data.vpt.actions import ACTION_SPACE
from training.data.vpt.folder import VptFolder
from training.data.vpt.lines import FPS
from training.recipes.recipe import (
    DecoderRecipe,
    NFDRecipe,
    Recipe,
    RecordRecipe,
    StudentRecipe,
    TokenizerRecipe,
)
from training.recipes.samplers import STUDENT_NOISE, consistency, euler
from training.recipes.settings.evaluation import EvaluationBudget
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.picture import PictureWeights

RECORDINGS = Path("build/vpt")  # unless the command says where they are
_CONTEXT_T = trig_time(0.05)
_HOURS = 60.0
LOGIT_NORMAL = NoiseMixture(  # every frame by itself, and nothing beside it: the paper's
    context_share=0.0, pure_share=0.0, logit_mean=0.0, logit_std=1.0
)

# Menus and rests cut recordings into pieces: few hold together for a thousand frames.
EXTENT = EvaluationBudget(
    num_passages=20, num_probes=0, long_rollouts=((300, 4), (64, 4)), inverse_dynamics_steps=3_000
)


def minecraft() -> Recipe:
    preset = presets.nfd_310m()
    return Recipe(
        name="minecraft",
        title="Minecraft",
        version="1",
        licence="weights Apache-2.0; VPT's recordings MIT",
        fps=FPS,
        preset=preset,
        action_space=ACTION_SPACE,
        recorder=VptFolder(folder=RECORDINGS, width=preset.width, height=preset.height),
        record=RecordRecipe(
            train_frames=120_000, train_episodes=1, held_out_frames=24_000, held_out_episodes=1,
            inverse_dynamics_frames=36_000, probes=0,
        ),
        tokenizer=TokenizerRecipe(
            batch_size=16, lr=3e-4, ema_decay=0.999, minutes=24 * _HOURS, picture=PictureWeights(),
        ),
        decoder=DecoderRecipe(
            batch_size=16, lr=1e-4, ema_decay=0.999, minutes=8 * _HOURS,
            picture=PictureWeights(rare_colours=0.5),
        ),
        teacher=NFDRecipe(
            batch_size=8, micro_batches=8, muon_lr=1e-3, adamw_lr=4e-5, ema_decay=0.9999,
            minutes=14 * 24 * _HOURS, mixture=LOGIT_NORMAL,
            checkpointing=True, compiled=True,
        ),
        student=StudentRecipe(
            batch_size=2, micro_batches=4, muon_lr=1e-5, adamw_lr=4e-6, ema_decay=0.999,
            minutes=24 * _HOURS, checkpointing=True,
            mixture=STUDENT_NOISE,
            method="continuous", warmup_steps=1_000, adversarial=0.1,
        ),
        teacher_sampler=euler((4, 18), default=18, context_t=_CONTEXT_T),
        student_sampler=consistency((1, 2, 4), default=4, context_t=_CONTEXT_T),
        num_starts=10,
        evaluation=EXTENT,
    )  # fmt: skip  # a table of numbers
