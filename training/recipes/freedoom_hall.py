"""The next freedoom world: the control room of Freedoom's E1M7 and the great hall behind its door,
1,024 x 1,024 units, as a place: a state that the actions carry on, and a map of what is to be seen.

The map is made still (the door stands open, nothing can be picked up, no light flickers), so that
what is seen is a function of where the player stands and looks. `training/LOG.md` has figures.
"""

from dataclasses import replace

from model import presets
from training.data.games.players import BOUND
from training.data.games.recorder import DoomRecorder
from training.recipes.freedoom import freedoom
from training.recipes.recipe import MapRecipe, Recipe
from training.recipes.settings.history import HistorySettings
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.picture import PictureWeights

_DOOR = 4  # the sector between the control room and the hall
_PRESET = presets.freedoom_hall()
_PICTURE = PictureWeights(gradient=1.5, rare_colours=0.5, square=12.0)


def freedoom_hall() -> Recipe:
    room = freedoom()
    recorder = DoomRecorder(
        wad="freedoom1", map_name="e1m7", x=(-560, 560), y=(-320, 800), width=_PRESET.width,
        height=_PRESET.height, gamma=0.7, action_space=room.action_space, habits=BOUND,
        doors=(_DOOR,),
    )  # fmt: skip  # a table of numbers
    return replace(
        room,
        title="Freedoom: the control room and the great hall",
        version="6",
        preset=_PRESET,
        recorder=recorder,
        # Half of the films are looks from everywhere, which the map learns from.
        second_recorder=replace(recorder, scatter_frames=12),
        state_model=recorder.state_model,
        record=replace(room.record, train_frames=192_000, train_episodes=16),
        tokenizer=replace(room.tokenizer, lr=1.2e-3, minutes=60.0, picture=_PICTURE),
        decoder=replace(room.decoder, minutes=20.0, picture=replace(_PICTURE, texture=3.0)),
        map=MapRecipe(batch_size=64, muon_lr=4e-3, adamw_lr=2e-3, ema_decay=0.99, minutes=40.0),
        teacher=replace(
            room.teacher, batch_size=6, muon_lr=3e-3, adamw_lr=2e-3, minutes=120.0, clip_frames=12,
            mixture=NoiseMixture(served_share=0.5),
            history=HistorySettings(chain_share=0.5, chain_from_noise=True),
        ),
        student=replace(room.student, judge_jumps=True),
    )  # fmt: skip  # a table of numbers
