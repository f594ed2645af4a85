"""Bad figures fail a drill; an attack that did not arrive proves nothing."""

from dataclasses import replace

import pytest

from loadtest.drills.__main__ import EXIT_HARM, EXIT_NO_DRILL, exit_code, judged
from loadtest.drills.report import Findings
from loadtest.drills.table import table
from loadtest.drills.verdict import arrivals, harm, missing
from tests.loadtest.drills.findings import COUNTED, TALLY, attack, findings, memory, player


def test_good_figures_pass() -> None:
    report = judged(findings(), machine={})
    assert (report.harm, report.missing, exit_code(report)) == ((), (), 0)
    assert "Nobody was harmed." in table(report)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (findings(players=(player(17.5, 15.7, 17.5),)), "fell from 17.50 to 15.70 (attack)"),
        (findings(players=(player(17.5, 17.5, 15.7),)), "fell from 17.50 to 15.70 (after)"),
        (findings(players=(player(17.5, 17.5, 17.5, errors=("the peer failed",)),)), "peer failed"),
        (findings(players=(player(0.0, 0.0, 0.0),)), "no frames even before"),
        (findings(memories=(memory(peak=133),)), "ingest grew by 33 MB"),
        (findings(memories=(memory(ended=True),)), "the process ingest ended"),
    ],
)
def test_harm_is_said_and_fails(bad: Findings, said: str) -> None:
    report = judged(bad, machine={})
    assert len(report.harm) == 1 and said in report.harm[0]
    assert exit_code(report) == EXIT_HARM
    assert said in table(report)


def test_other_programs_are_said() -> None:
    quiet = findings()
    busy = replace(quiet, phases=(*quiet.phases[:2], replace(quiet.phases[2], others=1.5)))
    assert "Other programs" not in table(judged(quiet, machine={}))
    assert "Other programs took up to 1.5 cores" in table(judged(busy, machine={}))


def test_what_is_within_the_bounds_is_no_harm() -> None:
    bounds = findings(players=(player(17.5, 15.8, 15.8),), memories=(memory(peak=132),))
    assert harm(bounds) == ()


@pytest.mark.parametrize("name", sorted({key.partition("{")[0] for key in COUNTED}))
def test_what_no_service_counted_did_not_arrive(name: str) -> None:
    without = {key: value for key, value in COUNTED.items() if not key.startswith(name)}
    report = judged(findings(attacked=attack(counted=without)), machine={})
    assert len(report.missing) == 1
    assert exit_code(report) == EXIT_NO_DRILL
    assert "It did not attack" in table(report)


@pytest.mark.parametrize("name", TALLY)
def test_what_the_attacker_never_sent_is_missing(name: str) -> None:
    without = {key: value for key, value in TALLY.items() if key != name}
    assert missing(findings(attacked=attack(tally=without)))


def test_an_attacker_that_takes_more_than_its_share_proves_nothing() -> None:
    assert missing(findings(attacked=attack(cpu_share=0.9)))


def test_every_attack_of_the_tally_is_asked_after() -> None:
    nothing = attack(counted={}, tally={})
    assert len(missing(findings(attacked=nothing))) == len(arrivals(findings()))
