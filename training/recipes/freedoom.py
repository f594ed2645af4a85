"""The shipped world: the first room of Freedoom's E1M7, 128x80, 17.5 fps.

One enclosed room (280 x 320 units) with a landmark on every side: a column with a green monitor,
light panels, a grey door, blue lamps, windows onto mountains, a blue floor. `training/LOG.md` says
how it was chosen.
"""

from dataclasses import replace

from model import presets
from model.action_space import ActionSpace
from model.sampling.schedule import trig_time
from training.data.games.players import LIVELY
from training.data.games.recorder import DoomRecorder
from training.recipes.recipe import (
    DecoderRecipe,
    NFDRecipe,
    Recipe,
    RecordRecipe,
    StudentRecipe,
    TokenizerRecipe,
)
from training.recipes.samplers import STUDENT_NOISE, euler, two_steps
from training.recipes.settings.history import HistorySettings
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.on_policy import OnPolicySettings
from training.recipes.settings.picture import PictureWeights

_PRESET = presets.freedoom()
_ACTION_SPACE = ActionSpace(
    buttons=("forward", "back", "left", "right", "turn_left", "turn_right", "act"),
    degrees_per_count=0.15,
    key_turn_deg=6.0,
    yaw_bins_deg=(-15, -10, -6, -3.5, -1.8, -0.8, 0.0, 0.8, 1.8, 3.5, 6, 10, 15),
)
_CONTEXT_T = trig_time(0.05)
_RECORDER = DoomRecorder(
    wad="freedoom1",
    map_name="e1m7",
    x=(-160, 160),
    y=(-270, 80),
    width=_PRESET.width,
    height=_PRESET.height,
    gamma=0.7,
    action_space=_ACTION_SPACE,
)


def freedoom() -> Recipe:
    return Recipe(
        name="freedoom",
        title="Freedoom: the control room",
        version="5",
        licence="BSD-3-Clause; pictures of Freedoom (see NOTICE)",
        fps=17.5,
        preset=_PRESET,
        action_space=_ACTION_SPACE,
        recorder=_RECORDER,
        second_recorder=replace(_RECORDER, habits=LIVELY),
        record=RecordRecipe(
            train_frames=120_000, train_episodes=20, held_out_frames=6_000, held_out_episodes=2
        ),
        tokenizer=TokenizerRecipe(
            batch_size=8, lr=1.5e-3, ema_decay=0.998, minutes=28.0,
            picture=PictureWeights(gradient=1.5, rare_colours=0.5, square=12.0, perceptual=0.5),
        ),
        decoder=DecoderRecipe(
            batch_size=8, lr=8e-4, ema_decay=0.998, minutes=10.0,
            picture=PictureWeights(gradient=1.5, rare_colours=0.5, square=12.0, perceptual=0.5),
        ),
        teacher=NFDRecipe(
            batch_size=4, muon_lr=5e-3, adamw_lr=3e-3, ema_decay=0.995, minutes=140.0,
            mixture=NoiseMixture(), action_dropout=0.1,
            history=HistorySettings(chain_share=0.5, rollout_share=0.25),
        ),
        student=StudentRecipe(
            batch_size=2, muon_lr=1e-4, adamw_lr=1e-4, ema_decay=0.995, minutes=70.0,
            mixture=STUDENT_NOISE,
            method="continuous", warmup_steps=150, guidance=1.2, adversarial=0.5,
            on_policy=OnPolicySettings(strength=0.5),
        ),
        teacher_sampler=euler((1, 2, 3, 4, 8), default=3, context_t=_CONTEXT_T),
        student_sampler=two_steps(context_t=_CONTEXT_T),
        num_starts=10,
    )  # fmt: skip  # a table of numbers
