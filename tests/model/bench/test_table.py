"""The benchmark measures what it says and writes a report whose form is stable."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.ar.decoding.order import raster
from model.arithmetic.costs import (
    decode_flop,
    frame_flop,
    kv_bytes,
    num_parameters,
    pass_cost,
)
from model.bench import __main__ as bench
from model.bench.interleaved import time_interleaved
from model.bench.ratios import SAYS
from model.bench.rows import baseline_row, world_row
from model.bench.workloads.bookkeeping import bookkeeping_ms
from model.bench.workloads.worlds import random_baseline, random_world
from model.int8.serving import why_not_int8
from model.presets import PRESETS
from model.world import World

CPU = torch.device("cpu")
RATIOS = {
    "cached_over_naive",
    "cached_over_naive_alone",
    "cached_over_naive_bound",
    "merged_over_separate",
    "ahead_hidden_share",
    "joint_over_alone",
    "nfd_over_ar_raster",
    "nfd_over_ar_diagonal",
    "nfd_over_ar_blocks",
    "training_bf16_over_fp32",
    "scheduler_ms_64",
}


def test_a_row_measures_every_part_of_a_frame(world: World) -> None:
    row = world_row(world, batch=2, device=CPU, repeats=3)
    assert (row.world, row.batch, row.steps, row.window) == ("tiny", 2, 2, 5)
    assert min(row.denoise_ms, row.decode_ms) > 0
    assert row.best_frame_ms <= row.frame_ms
    assert row.frames_per_s == pytest.approx(2000 / row.frame_ms, abs=0.01)


def test_the_baseline_is_driven_by_the_same_scheduler(world: World) -> None:
    row = baseline_row("codes", random_baseline(world), raster(2, 2), device=CPU, repeats=2)
    assert (row.steps, row.tokens_per_frame, row.window) == (4, 4, 5)
    assert row.denoise_ms > 0


def test_what_is_counted_is_what_arithmetic_says() -> None:
    """Of a preset wide enough that what is done once per frame hardly counts."""
    world, preset = random_world("freedoom"), PRESETS["freedoom"]()
    row = world_row(world, batch=1, device=CPU, repeats=1)
    expected = frame_flop(preset, num_steps=2, frames_seen=preset.nfd.window) / 1e9
    assert row.gflop_per_frame == pytest.approx(expected, rel=0.05)


def test_the_papers_presets_cost_what_was_computed_by_hand() -> None:
    """At 310M: 135 GFLOP of matrices and 237 of attention a pass, 0.70 GB of keys and values a
    session."""
    preset = PRESETS["nfd_310m"]()
    cost = pass_cost(preset.nfd, frames_seen=32)
    assert cost.linear_flop / 1e9 == pytest.approx(135, rel=0.01)
    assert cost.attention_flop / 1e9 == pytest.approx(237, rel=0.01)
    assert kv_bytes(preset.nfd, frames_seen=32) / 1e9 == pytest.approx(0.70, rel=0.01)
    assert num_parameters(preset.nfd) / 1e6 == pytest.approx(310, rel=0.03)
    whole = frame_flop(preset, num_steps=4, frames_seen=32)
    assert whole == 5 * cost.flop + decode_flop(preset.vae, preset.height, preset.width)


def test_variants_are_interleaved_and_compared_round_by_round() -> None:
    order = []

    def enter(name: str, seconds: float) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return seconds * len(order)  # the machine slows down all the while

        return run

    times = time_interleaved({"slow": enter("slow", 4.0), "fast": enter("fast", 1.0)}, rounds=3)
    assert order == ["slow", "fast"] * 4
    assert times.ratio("slow", "fast") == pytest.approx(4 * 5 / 6, abs=1e-3)
    assert times.median_ms("fast") == 6000


def test_planning_for_64_sessions_is_measured() -> None:
    assert 0 < bookkeeping_ms(4) < bookkeeping_ms(64)


def test_the_report_names_its_origin_its_rows_and_its_ratios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "random_world", lambda name: random_world("debug"))
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    monkeypatch.setattr(bench, "SHIPPED_WORLD", tmp_path)
    out = tmp_path / "deep" / "bench.json"
    assert bench.main(["--repeats", "1", "--out", str(out)]) == 0
    report = json.loads(out.read_text())
    assert (report["schema"], report["version"]) == ("nextframe.bench", 2)
    assert report["machine"]["matmul_gflops"] > 0
    assert report["commit"]
    served = [row["precision"] for row in report["rows"] if row["world"] == "preset debug"]
    forms = ["fp32"] if why_not_int8() else ["fp32", "int8"]
    assert served == [form for form in forms for _ in (1, 2)] + ["fp32"] * 2
    assert [row["batch"] for row in report["rows"]] == [*[1, 2] * len(forms), *[1] * 4, 1, 2]
    assert report["ratios"].keys() == RATIOS == SAYS.keys()
    printed = capsys.readouterr().out
    assert "nfd_over_ar_raster" in printed
    assert f"wrote {out}" in printed
