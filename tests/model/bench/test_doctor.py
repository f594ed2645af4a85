"""The doctor says what is there by using it, and what to do where something is missing."""

import sys

import pytest
import torch

from model.bench.doctor import checkup, probe_results
from model.fast import FORMS, Blocks, FastPaths
from model.world import World


def test_every_finding_is_there_and_names_the_world(world: World) -> None:
    findings = {
        finding.name: finding for finding in checkup.examine(world, torch.device("cpu"), frames=1)
    }
    assert {"processor", "memory", "GPU", "int8", "video encoders"} <= findings.keys()
    assert list(checkup.FAST_FORMS) == list(FORMS)
    if not torch.cuda.is_available():
        for name in checkup.FAST_FORMS.values():
            assert findings[name].value == "off: it needs a GPU"
        assert findings["fast paths"].value.startswith("none")
    assert "frames/s at 2 steps; played at 17.5" in findings["world tiny"].value
    assert "H.264 on the CPU" in findings["video encoders"].value
    assert findings["preset nfd_774m, foretold"].advice


@pytest.mark.parametrize(
    ("code", "works"),
    [("1", True), ("import no_such_library", False), ("import os; os.abort()", False)],
)
def test_a_probe_that_crashes_takes_only_itself_along(code: str, works: bool) -> None:
    assert probe_results.works(code) is works


def test_a_machine_without_encoders_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkup, "ENCODERS", {"no_such_codec": "nothing"})
    finding = checkup._encoders()
    assert finding.value == "none"
    assert "install" in finding.advice


def test_a_processor_without_int8_is_told_what_it_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "why_not_int8", lambda: "the processor has no VNNI")
    finding = checkup._int8()
    assert finding.value == "not here: the processor has no VNNI"
    assert "fp32" in finding.advice


def test_who_has_a_gpu_is_told_what_auto_would_take_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    why_not = dict.fromkeys(checkup.FAST_FORMS, "") | {"flash": "ImportError: none"}
    monkeypatch.setattr(checkup, "why_not_fast", lambda forms: why_not)
    monkeypatch.setattr(checkup, "why_not_int8", lambda: "not asked here")
    monkeypatch.setattr(checkup, "matmul_gflops", lambda *_: 1.0)
    monkeypatch.setattr(checkup, "encodes", lambda codec: True)
    monkeypatch.setattr(checkup, "_presets", lambda *_: ())
    measured: list[FastPaths | None] = []

    def measure(*_: object, paths: FastPaths | None = None) -> checkup.Finding:
        measured.append(paths)
        return checkup.Finding(name="world", value="")

    monkeypatch.setattr(checkup, "_world", measure)
    findings = {f.name: f for f in checkup.examine(world, torch.device("cpu"), frames=1)}
    assert findings["flash-attn, for bf16"].value == "off: ImportError: none"
    assert findings["fast paths"].value == "`auto` takes graphs, beside, fused"
    assert "model.bench exactness" in findings["fast paths"].advice
    assert measured == [None, FastPaths(graphs=True, beside=True, blocks=Blocks.FUSED)]


def test_a_form_whose_probe_crashes_is_named() -> None:
    code = """
import json, os
print(json.dumps({"form": "flash", "why_not": "ImportError: none"}))
print(json.dumps({"form": "graphs", "why_not": ""}), flush=True)
os.abort()
"""
    why_not = probe_results.why_not_fast(tuple(FORMS), (sys.executable, "-c", code))
    assert list(why_not) == list(FORMS)
    assert (why_not["flash"], why_not["graphs"]) == ("ImportError: none", "")
    assert "crashed" in why_not["fused"] and "not tried" in why_not["compiled"]
