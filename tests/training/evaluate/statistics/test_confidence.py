"""The interval of a figure, and of what lies between two figures after the same passages."""

import numpy as np
import pytest
import torch

from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.evaluate.clips.evaluation_clips import NUM_FRAMES, evenly_spaced_clips
from training.evaluate.inverse_dynamics.network import InverseDynamics, InverseDynamicsShape
from training.evaluate.measures.scores import Comparison, MetricNetworks, Video
from training.evaluate.statistics.confidence import mean_estimate


def _grainy(film: Video, amount: float) -> Video:
    noise = np.random.default_rng(0).normal(scale=amount, size=film.shape)
    return (film + noise).clip(0, 255).astype(np.uint8)


def test_where_both_are_hard_alike_the_difference_is_surer_than_either() -> None:
    per_start = np.random.default_rng(0).normal(scale=5.0, size=20)
    ours, theirs = mean_estimate(per_start + 1.0), mean_estimate(per_start)
    gain = ours.less(theirs)
    assert ours.low < theirs.value  # side by side nothing could be said
    assert gain.value == pytest.approx(1.0) and gain.low > 0.99
    assert theirs.less(ours).value == -gain.value


def test_what_cannot_be_measured_has_no_interval() -> None:
    unknown = mean_estimate(np.full(4, np.nan))
    assert np.isnan([unknown.value, unknown.low, unknown.high]).all()


def test_the_film_nearer_to_the_truth_is_ahead_by_both_measures() -> None:
    torch.manual_seed(0)
    inverse_dynamics = InverseDynamics(InverseDynamicsShape.of(ACTION_SPACE, 32, 32)).eval()
    film = ToyRecorder().record(num_frames=150, seed=0)
    clips = evenly_spaced_clips([film], count=4, context_frames=8, num_frames=NUM_FRAMES)
    networks = MetricNetworks(
        space=ACTION_SPACE, inverse_dynamics=inverse_dynamics, other_real_MD=np.zeros((100, 64))
    )
    comparison = Comparison(networks, clips)
    near, far = (
        comparison.score([_grainy(clip.following.frames[:NUM_FRAMES], amount) for clip in clips])
        for amount in (5.0, 40.0)
    )
    assert near.psnr_16.less(far.psnr_16).low > 3
    assert near.frechet_own.less(far.frechet_own).high < 0
    assert near.frechet_own.less(near.frechet_own).value == 0
