"""`python -m training` refuses what cannot be meant, and says in a line what is damaged."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from training.__main__ import main, make_parser
from training.commands import train as train_command
from training.data.atomic_io import DamagedFile
from training.data.index.dataset_index import index_at
from training.data.index.manifest import read_manifest
from training.data.latents import ClipSource, LatentRecording
from training.data.recording import TooLittlePlay, load_recordings
from training.job_state import STAGES
from training.loop.trainer import Budget


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        main(["debug", "--stage", "teacher", *arguments])
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("value", ["-1", "0", "nan", "inf", "soon"])
def test_minutes_are_above_zero(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, f"--minutes={value}")
    assert said.endswith(f"--minutes: a number above 0 expected, got '{value}'")


@pytest.mark.parametrize("value", ["-1", "0", "1.5", "²"])
@pytest.mark.parametrize("option", ["--steps", "--workers"])
def test_steps_and_workers_are_counted_from_one(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"{option}: a whole number from 1 expected" in refused(capsys, f"{option}={value}")


@pytest.mark.parametrize("name", ["steps", "workers"])
def test_a_number_of_the_call_is_not_set_as_one_of_the_recipe(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"not a number of the recipe; use --{name}" in refused(capsys, "--set", f"{name}=2")
    assert "steps" not in refused(capsys, "--set", "depth=2").partition("there are")[2]


PAGES = ("README.md", "CONTRIBUTING.md", "training/README.md", "docs/performance.md")
TEXT = "".join(Path(page).read_text() for page in PAGES)
COMMANDS = sorted(set(re.findall(r"python -m training( [^`#\n]*)", TEXT)))


@pytest.mark.parametrize("said", COMMANDS)
def test_a_command_that_a_page_names_is_one(said: str) -> None:
    make_parser().parse_args(shlex.split(said))


def test_minutes_that_are_given_are_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: list[Budget] = []
    train = {"tokenizer": lambda *given: budgets.append(given[-1])}
    monkeypatch.setattr(train_command, "training_stages", lambda num_workers: train)
    arguments = ["debug", "--stage", "tokenizer", "--run", str(tmp_path), "--minutes", "0.5"]
    assert main([*arguments, "--keep-going"]) == 0
    assert budgets == [Budget(seconds=30.0, cooldown=False)]


def _stumbling(monkeypatch: pytest.MonkeyPatch, run: Path, error: Exception) -> list[str]:
    """A command whose stage raises this."""

    def stumble(*_: object) -> None:
        raise error

    monkeypatch.setattr(
        train_command, "training_stages", lambda num_workers: {"tokenizer": stumble}
    )
    return ["debug", "--stage", "tokenizer", "--run", str(run)]


def test_what_was_given_and_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _stumbling(monkeypatch, tmp_path, TooLittlePlay("no recording is long enough"))
    assert main(arguments) == 1
    assert capsys.readouterr().err == "training: no recording is long enough\n"


def test_a_bug_is_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = _stumbling(monkeypatch, tmp_path, ValueError("shapes do not match"))
    with pytest.raises(ValueError, match="shapes do not match"):
        main(arguments)


def test_clips_longer_than_every_film_are_too_little_play() -> None:
    with pytest.raises(TooLittlePlay, match="no recording is 32 frames long without a cut"):
        ClipSource([], 32, batch_size=1, device=torch.device("cpu"))


def test_stages_have_the_names_that_submitted_runs_and_states_have() -> None:
    assert (*train_command.STAGES, "publish") == STAGES


def test_a_folder_that_holds_no_world_cannot_be_filmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["film", "--world", str(tmp_path / "typo")]) == 1
    assert capsys.readouterr().err == (
        f"training: no world at {tmp_path / 'typo'}: world.json is missing\n"
    )


def test_a_state_cut_short_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"module": torch.zeros(1000)}, tmp_path / "teacher.pt")
    content = (tmp_path / "teacher.pt").read_bytes()
    (tmp_path / "teacher.pt").write_bytes(content[: len(content) // 2])
    assert main(["debug", "--run", str(tmp_path), "--stage", "student"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("teacher.pt is damaged or cut short; remove it to begin this stage anew")


def test_recordings_shards_and_manifests_cut_short_are_named(tmp_path: Path) -> None:
    for name in ("frames", "actions", "poses", "cuts"):
        np.save(tmp_path / f"{name}.npy", np.zeros((500, 4)))
    for name in ("frames.npy", "manifest.json", "shard.safetensors"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:300] if path.exists() else b"{")
    with pytest.raises(DamagedFile, match=r"is damaged .*; remove it and run the record stage"):
        load_recordings(tmp_path.parent)
    with pytest.raises(DamagedFile, match=r"manifest\.json is damaged .*; remove it"):
        read_manifest(tmp_path / "manifest.json")
    assert index_at(tmp_path / "manifest.json") is None
    with pytest.raises(DamagedFile, match=r"shard\.safetensors is damaged .*; remove it"):
        LatentRecording.load(tmp_path / "shard.safetensors")
