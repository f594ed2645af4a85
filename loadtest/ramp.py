"""How many players does the service carry? More and more of them, until the objective breaks.

The search is a pure function of the verdicts; `python -m loadtest --ramp` plays each step.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.report import Report
from loadtest.slo import Attainment, SloVerdict

STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SCHEMA, VERSION = "nextframe.loadtest-ramp", 1

Play = Callable[[int], Awaitable[tuple[Report, SloVerdict]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RampStep:
    """One number of players. Figures of the worst player; None without a measurement."""

    players: int
    outcome: Attainment
    attained: float
    fps: float | None
    late_share: float | None
    action_to_photon_p95_ms: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """`players`: the largest number whose objective held, 0 if one was too many already."""

    players: int
    is_bounded: bool  # a larger number was tried, and failed
    steps: tuple[RampStep, ...]

    def write(self, folder: Path, *, machine: dict[str, object], commit: str) -> Path:
        head = {"schema": SCHEMA, "version": VERSION, "machine": machine, "commit": commit}
        path = folder / "ramp.json"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(head | asdict(self), indent=1) + "\n")
        return path


def next_number(steps: Sequence[RampStep], most: int) -> int | None:
    """Numbers of STEPS up to `most` until one fails, then halves between the largest number that
    held and the smallest that did not. None: the answer is known. A step without a verdict ends the
    search, because a harness that is late with few players is late with more."""
    if any(step.outcome is Attainment.NONE for step in steps):
        return None
    held = max((step.players for step in steps if step.outcome is Attainment.PASS), default=0)
    failed = min((s.players for s in steps if s.outcome is Attainment.FAIL), default=None)
    if failed is None:
        return next((n for n in (*STEPS, most) if held < n <= most), None)
    middle = (held + failed) // 2
    return middle if held < middle < failed else None


async def ramp(play: Play, *, most: int) -> Ramp:
    steps: list[RampStep] = []
    while (players := next_number(steps, most)) is not None:
        report, verdict = await play(players)
        steps.append(_step(players, report, verdict))
        print(_line(steps[-1]), flush=True)
    held = [step.players for step in steps if step.outcome is Attainment.PASS]
    return Ramp(
        players=max(held, default=0),
        is_bounded=any(step.outcome is Attainment.FAIL for step in steps),
        steps=tuple(sorted(steps, key=lambda step: step.players)),
    )


def _step(players: int, report: Report, verdict: SloVerdict) -> RampStep:
    over = report.summary.over_players
    worst = {name: over[name].worst if name in over else None for name in (
        "fps", "late_share", "action_to_photon_p95_ms"
    )}  # fmt: skip  # the figures of a step
    return RampStep(
        players=players,
        outcome=verdict.outcome,
        attained=verdict.attained,
        reasons=verdict.reasons,
        **worst,
    )


def _line(step: RampStep) -> str:
    figures = [
        "-" if value is None else form.format(value)
        for form, value in (
            ("{:.1f} fps", step.fps),
            ("{:.2%} late", step.late_share),
            ("{:.0f} ms p95", step.action_to_photon_p95_ms),
        )
    ]
    return f"{step.players:4d} players: {step.outcome.value:4s}  worst {', '.join(figures)}"
