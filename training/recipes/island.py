"""The island: a tile world of Crafter's rules in pictures of our own, 144x112, 17.5 fps.

One token a tile. What a player does shows at once: land scrolls by whole tiles, trees become wood,
numbers count. `training/LOG.md` says what was tried.
"""

from model import presets
from model.action_space import ActionSpace, Key
from model.sampling.schedule import trig_time
from training.data.games.island.mixed import MixedTiles
from training.data.games.island.recorder import IslandRecorder
from training.data.games.island.rules import BUTTONS
from training.recipes.recipe import (
    AsServedRecipe,
    DecoderRecipe,
    NFDRecipe,
    Recipe,
    RecordRecipe,
    StudentRecipe,
    TokenizerRecipe,
)
from training.recipes.samplers import STUDENT_NOISE, euler, two_steps
from training.recipes.settings.evaluation import TILES
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.picture import PictureWeights

_KEYS = (  # button, label, places on the keyboard, button of a gamepad
    ("left", "walk", ("ArrowLeft", "KeyA"), 14),
    ("up", "walk", ("ArrowUp", "KeyW"), 12),
    ("down", "walk", ("ArrowDown", "KeyS"), 13),
    ("right", "walk", ("ArrowRight", "KeyD"), 15),
    ("do", "gather, drink, hit", ("Space",), 0),
    ("sleep", "sleep", ("KeyX",), 1),
    ("place_stone", "put down a stone", ("Digit1",), 2),
    ("place_table", "a table: 2 wood", ("Digit2",), 3),
    ("place_furnace", "a furnace: 4 stone", ("Digit3",), 4),
    ("place_plant", "a sapling", ("Digit4",), 5),
    ("make_wood_pickaxe", "wooden pickaxe", ("Digit5",), 6),
    ("make_stone_pickaxe", "stone pickaxe", ("Digit6",), 7),
    ("make_iron_pickaxe", "iron pickaxe", ("Digit7",), 8),
    ("make_wood_sword", "wooden sword", ("Digit8",), 9),
    ("make_stone_sword", "stone sword", ("Digit9",), 10),
    ("make_iron_sword", "iron sword", ("Digit0",), 11),
)
_ACTION_SPACE = ActionSpace(
    buttons=BUTTONS,
    one_at_a_time=True,
    tells_presses=True,
    keys=tuple(
        Key(button=button, label=label, code=code, pad=pad)
        for button, label, codes, pad in _KEYS
        for code in codes
    ),
)
_CONTEXT_T = trig_time(0.1)
_PICTURE = PictureWeights(gradient=1.5, square=12.0)


def island() -> Recipe:
    return Recipe(
        name="island",
        title="The island",
        version="2",
        licence="Apache-2.0; rules of Crafter (MIT, see NOTICE), pictures of our own",
        fps=17.5,
        preset=presets.island(),
        action_space=_ACTION_SPACE,
        recorder=IslandRecorder(action_space=_ACTION_SPACE),
        tokenizer_recorder=MixedTiles(num_actions=_ACTION_SPACE.size),
        record=RecordRecipe(
            train_frames=240_000, train_episodes=200, tokenizer_frames=40_000,
            held_out_frames=12_000, held_out_episodes=10,
            inverse_dynamics_frames=0, probes=0, least_walk=0.0,
        ),
        tokenizer=TokenizerRecipe(
            batch_size=8, lr=1.5e-3, ema_decay=0.98, minutes=12.0, picture=_PICTURE, kl=1e-4,
        ),
        decoder=DecoderRecipe(
            batch_size=8, lr=8e-4, ema_decay=0.98, minutes=4.0, picture=_PICTURE
        ),
        teacher=NFDRecipe(
            batch_size=4, muon_lr=5e-3, adamw_lr=3e-3, ema_decay=0.98, minutes=60.0,
            mixture=NoiseMixture(context_max=0.25, pure_share=0.5), action_dropout=0.1,
            clip_frames=16,
            as_served=AsServedRecipe(
                press_share=0.65, press_odds=(("do", 12.0),), press_weight=4.0
            ),
        ),
        student=StudentRecipe(
            batch_size=4, muon_lr=1e-4, adamw_lr=1e-4, ema_decay=0.995, minutes=20.0,
            mixture=STUDENT_NOISE,
            method="continuous", warmup_steps=150, guidance=1.2, adversarial=0.5,
        ),
        teacher_sampler=euler((1, 2, 3, 4), default=2, context_t=_CONTEXT_T),
        student_sampler=two_steps(context_t=_CONTEXT_T),
        num_starts=10,
        evaluation=TILES,
        is_tiled=True,
    )  # fmt: skip  # a table of numbers
