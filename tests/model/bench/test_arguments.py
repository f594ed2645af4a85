"""What cannot be measured is refused in one line, before anything is loaded."""

from pathlib import Path

import pytest
import torch

from model.bench.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--repeats", "0"], "--repeats: a whole number from 1 expected, got '0'"),
        (["--threads", "-2"], "--threads: a whole number from 1"),
        (["--device", "abacus"], "--device: no device 'abacus' here"),
        (["costs", "--passes", "2.5"], "--passes: a whole number from 1"),
        (["speed", "--minutes", "nan"], "--minutes: a number above 0 expected, got 'nan'"),
    ],
)
def test_what_no_measurement_could_mean_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_missed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--device", "cuda"])
    assert "no device 'cuda' here" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["costs"], ["precision"], ["likeness"], ["doctor"]])
def test_a_world_that_was_named_and_is_not_there_is_an_error(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--world", str(tmp_path / "typo"), *command]) == 1
    assert capsys.readouterr().err.startswith(f"bench: no world at {tmp_path / 'typo'}")
