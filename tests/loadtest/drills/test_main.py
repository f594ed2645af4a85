"""Accepted and refused arguments of `python -m loadtest.drills`."""

from dataclasses import asdict

import pytest

from loadtest.drills.__main__ import main
from loadtest.drills.plan import Order, Rates


@pytest.mark.parametrize(
    "arguments",
    [["--seconds", "0"], ["--seconds", "601"], ["--players", "9"], ["--attacker-nice", "20"]],
)
def test_what_cannot_be_drilled_is_a_bad_argument(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert f"{arguments[0].removeprefix('--')} must be" in capsys.readouterr().err


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "3: no stack" in " ".join(capsys.readouterr().out.split())


def test_an_order_survives_its_way_to_the_attacker() -> None:
    order = Order(
        page_url="http://127.0.0.1:1/",
        seconds=5.0,
        rates=Rates(actions_per_s=7),
        ports=(("127.0.0.1", 4000),),
    )
    assert Order.from_json(asdict(order)) == order
    with pytest.raises(ValueError, match="unknown rates: \\['nukes'\\]"):
        Order.from_json(asdict(order) | {"rates": {"nukes": 1}})
