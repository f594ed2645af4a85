"""The table of decoders: real pictures are at its top, faded ones lose what fading takes."""

from pathlib import Path

import numpy as np
import pytest

from model.presets import debug
from training.__main__ import main
from training.commands.decoders import Video, measure
from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.evaluate.clips.evaluation_clips import evenly_spaced_clips
from training.evaluate.inverse_dynamics.network import (
    AFTER,
    BEFORE,
    InverseDynamics,
    InverseDynamicsShape,
)

PASSAGES = evenly_spaced_clips(
    [ToyRecorder().record(num_frames=80, seed=3)], count=3, context_frames=BEFORE,
    num_frames=8 + AFTER,
)  # fmt: skip
REAL = [clip.following.frames for clip in PASSAGES]


def _faded(film: Video) -> Video:
    """With half of its contrast."""
    return film // 2 + np.uint8(64)


def test_fading_costs_gradient_likeness_and_distance() -> None:
    size = debug()
    inverse_dynamics = InverseDynamics(
        InverseDynamicsShape.of(ACTION_SPACE, size.width, size.height)
    ).eval()
    as_real, as_faded = (
        measure(inverse_dynamics, PASSAGES, films)
        for films in (REAL, [_faded(film) for film in REAL])
    )
    assert as_real.gradient.value == as_real.ssim.value == pytest.approx(1.0)
    assert as_real.frechet_own.value == pytest.approx(0.0, abs=1e-6)
    assert as_faded.gradient.value == pytest.approx(0.5, abs=0.02)
    assert as_faded.ssim.value < 0.99
    assert as_faded.frechet_own.value > 10 * abs(as_real.frechet_own.value)
    assert (as_faded.psnr_S < as_real.psnr_S).all()


def test_numbers_of_a_recipe_are_set_within_their_bounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = ["debug", "--stage", "decoder", "--run", str(tmp_path), "--set"]
    with pytest.raises(SystemExit):
        main([*stage, "decoder.adversarial=-1"])
    assert "0 to 100 expected, got -1.0" in capsys.readouterr().err
