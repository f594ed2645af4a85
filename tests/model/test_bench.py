"""The benchmark measures what it says and writes a report whose form is stable."""

import json
from pathlib import Path

import pytest
import torch

from model.bench import __main__ as bench
from model.bench.subjects import random_world
from model.bench.timing import Bench
from model.world import World


def test_a_row_measures_every_part_of_a_frame(world: World) -> None:
    row = Bench(world, batch=2, device=torch.device("cpu")).measure(repeats=4, with_naive=True)
    assert (row.world, row.batch, row.num_steps, row.window) == ("tiny", 2, 2, 5)
    assert min(row.denoise_ms, row.remember_ms, row.decode_ms) > 0
    assert row.best_frame_ms <= row.frame_ms
    assert row.frames_per_s == pytest.approx(2000 / row.frame_ms, abs=0.01)
    assert row.naive_frame_ms is not None
    assert row.cached_over_naive == pytest.approx(2 * row.naive_frame_ms / row.frame_ms, abs=0.01)


def test_the_flop_of_a_frame_are_those_of_its_passes_and_the_decoder(world: World) -> None:
    bench = Bench(world, batch=1, device=torch.device("cpu"))
    row = bench.measure(repeats=1, with_naive=False)
    nfd = world.spec.nfd
    tokens, width = nfd.tokens_per_frame, nfd.width
    blocks = nfd.num_layers * tokens * 2 * 12 * width**2
    attention = nfd.num_layers * 4 * tokens * nfd.window * tokens * width
    modulation = 2 * width**2 * (6 * nfd.num_layers + 2)
    passes = row.num_steps + 1
    known = passes * (blocks + attention + modulation) / 1e9
    assert row.gflop_per_frame > known
    assert row.gflop_per_frame < 3 * known  # the rest: embeddings, head, decoder
    assert row.cached_over_naive is None


def test_the_report_names_its_origin_and_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "random_world", lambda name: random_world("debug"))
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    out = tmp_path / "deep" / "bench.json"
    bench.main(["--repeats", "1", "--world", str(tmp_path), "--out", str(out)])
    report = json.loads(out.read_text())
    assert (report["schema"], report["version"]) == ("nextframe.bench", 1)
    assert report["machine"]["matmul_gflops"] > 0
    assert report["commit"]
    assert [row["batch"] for row in report["rows"]] == [1, 2, 1, 2]
    assert report["ratios"]["preset debug: batched_over_single, batch 2"] > 0
    printed = capsys.readouterr().out
    assert "cached_over_naive" in printed
    assert f"wrote {out}" in printed
