"""The toy world end to end, in under three minutes on two cores: does the whole chain hold?"""

from dataclasses import replace

from model.presets import debug as preset
from model.sampling.schedule import trig_time
from training.data.games.frame_oracle import FrameOracle
from training.data.games.toy import ACTION_SPACE, SLACK, ToyRecorder, show
from training.recipes.recipe import (
    DecoderRecipe,
    NFDRecipe,
    Recipe,
    RecordRecipe,
    StudentRecipe,
    TokenizerRecipe,
)
from training.recipes.samplers import STUDENT_NOISE, consistency, euler
from training.recipes.settings.evaluation import TOY
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.picture import PictureWeights

_CONTEXT_T = trig_time(0.05)
# Half of a toy frame is one moving background; what matters are a few cells and a small square.
_PICTURE = PictureWeights(gradient=0.2, texture=0.1, square=8.0)


def debug() -> Recipe:
    sizes = preset()
    return Recipe(
        name="toy",
        title="The toy world",
        version="1",
        licence="Apache-2.0",
        fps=17.5,
        preset=replace(sizes, nfd=replace(sizes.nfd, action_size=ACTION_SPACE.size)),
        action_space=ACTION_SPACE,
        recorder=ToyRecorder(),
        record=RecordRecipe(
            train_frames=8_000, train_episodes=4, held_out_frames=1_000, held_out_episodes=1,
            probes=8,
            inverse_dynamics_frames=5_000,
            least_walk=0.0,
        ),
        tokenizer=TokenizerRecipe(
            batch_size=16, lr=3e-3, ema_decay=0.98, minutes=0.5, picture=_PICTURE, kl=1e-4,
        ),
        decoder=DecoderRecipe(
            batch_size=16, lr=1e-3, ema_decay=0.98, minutes=0.15, picture=_PICTURE
        ),
        teacher=NFDRecipe(
            batch_size=16, muon_lr=4e-3, adamw_lr=3e-3, ema_decay=0.99, minutes=0.8,
            mixture=NoiseMixture(),
        ),
        student=StudentRecipe(
            batch_size=16, muon_lr=3e-5, adamw_lr=3e-5, ema_decay=0.95, minutes=0.2,
            mixture=STUDENT_NOISE,
            method="continuous", warmup_steps=50,
        ),
        teacher_sampler=euler((1, 2, 4), default=4, context_t=_CONTEXT_T),
        student_sampler=consistency((1, 2, 4), default=2, context_t=_CONTEXT_T),
        num_starts=4,
        evaluation=TOY,
        oracle=FrameOracle(read=show, slack=SLACK),
        num_threads=1,
    )  # fmt: skip  # a table of numbers
