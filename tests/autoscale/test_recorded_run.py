"""The recorded run and its figure show what the docs say."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.autoscale.fake_players import Sample
from tests.autoscale.plot import plot

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
REPORT: dict[str, Any] = json.loads((FIGURES / "autoscaling.json").read_text())
SAMPLES = [Sample(**sample) for sample in REPORT["samples"]]


def test_replicas_followed_the_players_and_nobody_was_lost() -> None:
    assert REPORT["has_followed"] and REPORT["lost"] == 0
    replicas = [number for number, _ in groupby(sample.replicas for sample in SAMPLES)]
    assert max(replicas) == 3 and replicas[-1] == 1
    assert max(sample.live for sample in SAMPLES) == 5 and SAMPLES[-1].live == 2


def test_the_two_that_stayed_did_not_stay_where_they_were() -> None:
    assert REPORT["moves"] >= 1


def test_the_figure_shows_the_recorded_run() -> None:
    assert (FIGURES / "autoscaling.svg").read_text() == plot(SAMPLES)
