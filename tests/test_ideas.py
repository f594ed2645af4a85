"""The table of docs/ideas.md is complete: 64 rows, and every file and command in it exists."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ideas.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]
VERDICTS = ("works", "partly", "not built", "other field")


def test_every_system_has_one_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 65))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_no_cell_is_empty(row: list[str]) -> None:
    assert len(row) == 6
    assert all(row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_verdict_says_what_stands(row: list[str]) -> None:
    """A row that works, wholly or partly, has a file and a command; another one says why not."""
    _, _, file, command, figure, verdict = row
    assert verdict.startswith(VERDICTS)
    if verdict.startswith(("works", "partly")):
        assert "none" not in (file, command)
    else:
        assert (file, command, figure) == ("none", "none", "none")
        assert re.search(r"package \d|`[\w/]+\.py`", verdict)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_its_files_and_commands_exist(row: list[str]) -> None:
    for path in re.findall(r"[\w./-]+\.py\b|\btests/[\w./-]+|\bmodel/worlds/\w+", " ".join(row)):
        assert (ROOT / path).exists(), path
    if row[3] != "none":
        assert row[3].startswith("`python -m ")
    for module in re.findall(r"python -m ([\w.]+)", row[3]):
        assert importlib.util.find_spec(module), module


def test_the_sum_below_the_table_is_right() -> None:
    counted = Counter(next(v for v in VERDICTS if row[5].startswith(v)) for row in ROWS)
    sums = [int(number) for number in re.findall(r"\d+", PAGE.rstrip().splitlines()[-1])]
    assert sums == [counted[verdict] for verdict in VERDICTS]
