"""A run that is killed with -9 at any moment, however often, ends as if nobody had touched it."""

import multiprocessing
import random
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import torch

from tests.training.loop import lives
from tests.training.loop.curves import read_curve
from training.loop.trainer import Budget

KILLS = 10


def _live(life: Callable[..., None], *arguments: Any) -> BaseProcess:
    """One process, forked from a server that has torch loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([lives.__name__])
    process = context.Process(target=life, args=arguments)
    process.start()
    process.join(timeout=300)
    return process


def _losses(folder: Path) -> list[dict[str, float]]:
    rows = read_curve(folder / "fit.jsonl")
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", [lives.LINE, lives.TEACHER], ids=["line", "teacher"])
def test_ten_kills_at_random_moments_change_neither_the_curve_nor_a_weight(
    tmp_path: Path, stage: lives.Stage
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    moments = random.Random(7)
    assert _live(lives.live, stage, whole, None).exitcode == 0
    steps = []
    for _ in range(KILLS):
        moment = (moments.randrange(stage.kill_steps), moments.uniform(0.0, stage.kill_s))
        assert _live(lives.live, stage, killed, moment).exitcode == -SIGKILL
        steps.append(torch.load(killed / "fit.pt")["step"] if (killed / "fit.pt").exists() else 0)
    assert _live(lives.live, stage, killed, None).exitcode == 0

    assert steps == sorted(steps)
    assert 0 < steps[-1] < stage.num_steps
    assert [row["step"] for row in _losses(killed)] == list(range(20, stage.num_steps + 1, 20))
    assert _losses(killed) == _losses(whole)
    one, other = (torch.load(folder / "fit.pt") for folder in (whole, killed))
    for state in ("module", "ema"):
        assert all(torch.equal(one[state][key], other[state][key]) for key in one[state])


def test_a_full_disk_ends_a_run_plainly_and_keeps_what_was_saved(tmp_path: Path) -> None:
    module, fit = lives.trainer(tmp_path)
    fit.train(lives.objective(module), Budget(steps=20))
    before = (tmp_path / "fit.pt").read_bytes()
    assert _live(lives.live_on_a_full_disk, tmp_path).exitcode == 3
    assert (tmp_path / "fit.pt").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"fit.pt", "fit.jsonl"}


@pytest.mark.parametrize("torn", ["", '{"step": 40, "los'])
def test_rows_after_the_saved_step_are_dropped(tmp_path: Path, torn: str) -> None:
    module, fit = lives.trainer(tmp_path)
    fit.train(lives.objective(module), Budget(steps=20))
    curve = tmp_path / "fit.jsonl"
    saved = curve.read_text()
    curve.write_text(saved + '{"step": 40, "loss": 1.0}\n' * (not torn) + torn)
    module, fit = lives.trainer(tmp_path)
    fit.train(lives.objective(module), Budget(steps=20))
    assert [row["step"] for row in _losses(tmp_path)] == [20, 40]
    assert curve.read_text().startswith(saved)


@pytest.mark.parametrize(
    "damage", [b"\0" * 40 + b"\n", b"\n", b"[]\n", b'{"loss": 1}\n', b"\xff\xfe\n"]
)
def test_a_damaged_row_cuts_the_curve_and_never_stops_a_training(
    tmp_path: Path, damage: bytes
) -> None:
    module, fit = lives.trainer(tmp_path)
    fit.train(lives.objective(module), Budget(steps=60))
    curve = tmp_path / "fit.jsonl"
    first, *others = curve.read_bytes().splitlines(keepends=True)
    curve.write_bytes(first + damage + b"".join(others))
    module, fit = lives.trainer(tmp_path)
    fit.train(lives.objective(module), Budget(steps=20))
    assert [row["step"] for row in _losses(tmp_path)] == [20, 80]
