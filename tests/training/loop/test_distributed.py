"""Two workers that share a network train the very network that one would."""

import json
import multiprocessing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from tests.training.loop import teams
from training.loop.trainer import Trainer
from training.loop.workers import Alone


def _start(folder: Path, rank: int) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([teams.__name__])
    process = context.Process(target=teams.train_in_two, args=(folder, rank))
    process.start()
    return process


def _train_in_two(folder: Path) -> None:
    both = [_start(folder, rank) for rank in range(2)]
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]


def _losses(folder: Path) -> list[float]:
    rows = (folder / "teacher.jsonl").read_text().splitlines()
    return [json.loads(row)["loss"] for row in rows]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_two_workers_give_what_one_gives_and_one_goes_on_from_what_they_saved(
    tmp_path: Path,
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    teams.train_alone(one)
    _train_in_two(two)
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)
    mine, theirs = (torch.load(folder / "teacher.pt") for folder in (one, two))
    for part in ("module", "ema"):
        for name, weight in mine[part].items():
            torch.testing.assert_close(theirs[part][name], weight, atol=1e-3, rtol=1e-3)

    for folder in (one, two):
        teams.train_alone(folder)
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-3)
    assert _losses(one)[1] < _losses(one)[0]


def test_micro_batches_that_cannot_be_divided_are_refused(tmp_path: Path) -> None:
    class Three(Alone):
        size = 3

    module = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="4 micro-batches a step cannot be divided among 3"):
        Trainer(
            tmp_path, "fit", module, [torch.optim.AdamW(module.parameters())], ema_decay=0.9,
            micro_batches=4, workers=Three(),
        )  # fmt: skip
