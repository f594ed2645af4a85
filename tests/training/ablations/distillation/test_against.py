"""The margin of one contestant over another, after the same passages."""

import numpy as np
import torch

from training.ablations.distillation.against import margin
from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.evaluate.measures.scores import NUM_FRAMES, Film
from training.evaluate.passages import Passage, choose_passages
from training.evaluate.reader.network import ActionReader, ReaderShape


def _passages() -> list[Passage]:
    film = ToyRecorder().record(num_frames=150, seed=0)
    return choose_passages([film], count=4, context_frames=8, num_frames=NUM_FRAMES)


def _grainy(film: Film, amount: float) -> Film:
    noise = np.random.default_rng(0).normal(scale=amount, size=film.shape)
    return (film + noise).clip(0, 255).astype(np.uint8)


def test_the_one_nearer_to_the_truth_is_ahead_and_surer_than_by_chance() -> None:
    torch.manual_seed(0)
    reader = ActionReader(ReaderShape.of(ACTION_SPACE, 32, 32)).eval()
    passages = _passages()
    near, far = (
        [_grainy(passage.following.frames[:NUM_FRAMES], amount) for passage in passages]
        for amount in (5.0, 40.0)
    )
    ahead = margin(reader, passages, near, far)
    assert ahead.psnr_16.low > 3
    assert ahead.frechet_own.high < 0
    behind = margin(reader, passages, far, near)
    assert behind.psnr_16.value == -ahead.psnr_16.value
    even = margin(reader, passages, far, far)
    assert (even.psnr_16.value, even.frechet_own.value) == (0, 0)
