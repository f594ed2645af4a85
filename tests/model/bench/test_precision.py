"""Forms of a world are compared with fp32 in one run: by time, and by what they change."""

import numpy as np
import pytest

from model.bench.cpu import fidelity, frames
from model.bench.cpu.fidelity import measure_fidelity, psnr_db
from model.bench.cpu.frames import measure_frames
from model.bench.cpu.variants import variants
from model.bench.markdown import table_of
from model.int8.serving import why_not_int8
from model.world import World

pytestmark = pytest.mark.skipif(bool(why_not_int8()), reason=why_not_int8() or "it can")


def test_every_form_is_timed_for_every_load(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PLAYERS", (2,))
    rows = list(measure_frames(world, thread_counts=(1,), rounds=1))
    forms = list(variants(world))
    assert [row.form for row in rows] == forms * 2
    assert [(row.players, row.steps) for row in rows[:: len(forms)]] == [(2, 1), (2, 2)]
    assert all(min(row.frame_ms, row.cpu_ms) > 0 for row in rows)
    assert {row.gain for row in rows if row.form == "fp32"} == {1.0}
    assert table_of(rows).count("\n") == len(rows) + 1


def test_halves_change_their_half_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "FRAMES", (1, 3))
    rows = {(row.form, row.frame): row for row in measure_fidelity(world, steps=1)}
    assert rows["int8 decoder", 3].latent_rms == 0 < rows["int8", 3].latent_rms
    assert rows["int8", 1].latent_rms < 0.1 * rows["fp32, another seed", 1].latent_rms
    assert rows["int8", 1].mean_psnr_db > rows["fp32, another seed", 1].mean_psnr_db


def test_decibels_are_those_of_eight_bits() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert psnr_db(grey, grey) == 99.0
    assert psnr_db(grey, grey + 1) == pytest.approx(48.13, abs=0.01)
