"""Where a frame's time goes, as a table and as a trace."""

import json
from pathlib import Path

import torch

from model.bench.profiling import SPANS, profile_frames
from model.bench.workloads.worlds import random_world


def test_spans_hold_each_other_and_are_counted_by_frame(tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    stretches = profile_frames(
        random_world("debug"), batch=2, device=torch.device("cpu"), frames=3, trace=out
    )
    spans = {stretch.what: stretch for stretch in stretches if stretch.kind == "span"}
    assert tuple(spans) == SPANS
    assert spans["pass"].calls == 2.0  # one for each denoise step, for both players together
    assert spans["decode"].calls == 1.0
    inner_ms = sum(spans[name].cpu_ms for name in ("begin", "denoise", "decode", "store"))
    assert 0 < inner_ms <= spans["pass"].cpu_ms
    operators = [stretch for stretch in stretches if stretch.kind == "operator"]
    assert "aten::addmm" in {stretch.what for stretch in operators}
    names = {event["name"] for event in json.loads(out.read_text())["traceEvents"]}
    assert names.issuperset(SPANS)
