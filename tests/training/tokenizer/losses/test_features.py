"""The feature network learns from actions, and its distance tells images apart by content."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as nnf

from training.data.recording import Recording, sample_evenly
from training.pipeline.stages.perceptual import trained_feature_network
from training.tokenizer.losses.features import (
    ActionRegression,
    ActionRegressor,
    FeatureDistance,
    FeatureNetwork,
)


def _film(num_frames: int = 200) -> Recording:
    """A random panorama that an action in {-1, 1} turns by two pixels; a cut in the middle."""
    rng = np.random.default_rng(0)
    panorama = rng.integers(0, 255, (16, 64, 3), dtype=np.uint8)
    actions = rng.choice([-1.0, 1.0], (num_frames, 1)).astype(np.float32)
    places = 2 * np.cumsum(actions[:, 0]).astype(int)
    return Recording(
        frames=np.stack([np.roll(panorama, place, axis=1)[:, :32] for place in places]),
        actions=actions,
        poses=np.zeros((num_frames, 3), np.float32),
        cuts=np.isin(np.arange(num_frames), (0, num_frames // 2)),
    )


def test_what_it_sees_in_two_frames_tells_the_action_between() -> None:
    torch.manual_seed(0)
    regressor = ActionRegressor(action_size=1)
    objective = ActionRegression(regressor, [_film()])
    optimizer = torch.optim.AdamW(regressor.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    seen = []
    for step in range(50):
        loss = objective(generator, step)["loss"]
        seen.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    assert np.mean(seen[-10:]) < 0.6  # knowing nothing costs 1


def test_no_pair_is_taken_over_a_cut() -> None:
    objective = ActionRegression(ActionRegressor(1), [_film(), _film()])
    assert len(objective._pairs) == 2 * 198
    assert not (objective._pairs[:, 1] == 99).any()


def test_more_blur_looks_more_different_and_the_same_looks_the_same() -> None:
    torch.manual_seed(0)
    distance = FeatureDistance(FeatureNetwork())
    real = torch.rand(2, 3, 32, 48) * 2 - 1
    little, much = (nnf.avg_pool2d(real, size, stride=1, padding=size // 2) for size in (3, 7))
    assert distance(real, real).item() == pytest.approx(0.0, abs=1e-6)
    assert 0 < distance(little, real) < distance(much, real)
    rebuilt = little.requires_grad_()
    distance(rebuilt, real).backward()  # type: ignore[no-untyped-call]
    assert rebuilt.grad is not None and rebuilt.grad.abs().sum() > 0


def test_a_feature_network_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.pipeline.stages.perceptual._STEPS", 2)
    films = [_film(40)]
    first, again = (trained_feature_network(tmp_path, films, torch.device("cpu")) for _ in range(2))
    pixels = torch.from_numpy(sample_evenly([films[0].frames], 2)).permute(0, 3, 1, 2) / 255
    assert all(torch.equal(a, b) for a, b in zip(first(pixels), again(pixels), strict=True))
    assert len(list(tmp_path.glob("eye.pt"))) == 1
