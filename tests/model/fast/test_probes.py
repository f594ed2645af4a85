"""A fast form is used where a real call to it works, and its absence is told in words."""

import pytest
import torch

from model.fast import probes
from model.fast.paths import Blocks, FastPaths

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_without_a_gpu_every_form_is_off_and_says_so() -> None:
    findings = list(probes.probe(CPU))
    assert [finding.form for finding in findings] == list(probes.FORMS)
    assert {finding.why_not for finding in findings} == {"it needs a GPU"}
    assert probes.find_paths(CPU) == FastPaths()


def test_what_a_call_raises_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(device: torch.device) -> None:
        raise ImportError("no module of that name\nand much more")

    def silent(device: torch.device) -> None:
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    assert probes._why_not(missing, GPU) == "ImportError: no module of that name"
    assert probes._why_not(silent, GPU) == "AssertionError: "
    assert probes._why_not(lambda device: None, GPU) == ""


def test_the_first_block_form_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"fused", "flash"}
    found = [
        probes.Finding(form=form, why_not="broken" if form in broken else "")
        for form in probes.FORMS
    ]
    monkeypatch.setattr(probes, "probe", lambda device, wanted: found)
    paths = probes.find_paths(GPU)
    assert paths == FastPaths(graphs=True, blocks=Blocks.COMPILED, beside=True)


def test_what_is_not_wanted_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_why_not", lambda call, device: "")
    paths = probes.find_paths(GPU, wanted=("compiled", "graphs"))
    assert paths == FastPaths(graphs=True, blocks=Blocks.COMPILED)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_calls_fail_where_there_is_no_gpu() -> None:
    """They are real ones: none passes by itself."""
    for form, call in probes.FORMS.items():
        if form != "compiled":  # which needs no GPU, and takes its time
            with pytest.raises((AssertionError, RuntimeError, ImportError)):
                call(torch.device("cuda"))


@pytest.mark.gpu
@pytest.mark.parametrize("form", list(probes.FORMS))
def test_every_form_works_on_this_gpu(form: str) -> None:
    assert probes._why_not(probes.FORMS[form], GPU) == ""
