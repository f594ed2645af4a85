"""Formats the report for a terminal: players first, then the spread."""

from loadtest.figures import STAGES, Distribution
from loadtest.report import Player, Report
from loadtest.slo import SloVerdict

COLUMNS = ("player", "fps", "1% low", "late %", "freezes", "p50", "p95", "p99", *STAGES, "first s")
WIDTH = 8


def table(report: Report) -> str:
    """Times are in milliseconds unless a column says otherwise; stages are means."""
    summary = report.summary
    lines = [
        f"{summary.num_players_with_frames} of {summary.num_players} players got frames; "
        f"world {report.world} at {1000 / report.period_ms:.1f} fps; times in ms, stages are means",
        _line(COLUMNS),
        *(_line(_player_cells(player)) for player in report.users),
        "",
        _spread_line("over players", "worst", "median", "best"),
    ]
    for name, spread in summary.over_players.items():
        values = (spread.worst, spread.median, spread.best)
        lines.append(_spread_line(name, *(f"{value:.2f}" for value in values)))
    for player in report.users:
        lines += [f"player {player.player}: {error}" for error in player.errors]
    lines += verdict_lines(report.verdict)
    lag = report.overhead.loop_lag_ms
    if lag is not None:
        lines.append(
            f"the load test itself: {report.overhead.cpu_share:.0%} of a core, "
            f"late by {lag.p50:.1f} ms (p50), {lag.p99:.1f} ms (p99)"
        )
    return "\n".join(lines)


def verdict_lines(verdict: SloVerdict) -> list[str]:
    """What was promised, to how many it was kept, and each promise that was broken."""
    slo = verdict.objective
    return [
        f"verdict: {verdict.outcome.value}; {verdict.attained:.0%} of the players got all of: "
        f"first frame within {slo.first_frame_s:g} s, {slo.on_time_share:.1%} of frames on time, "
        f"quality level {slo.max_level} or better, p95 within {slo.action_to_photon_p95_ms:g} ms",
        *(f"  {reason}" for reason in verdict.reasons),
    ]


def _player_cells(player: Player) -> tuple[str, ...]:
    pace = player.pace
    photon = player.action_to_photon_ms
    return (
        f"{player.player}{' full' if player.is_full else ''}",
        *(
            ("-",) * 4
            if pace is None
            else (
                f"{pace.fps:.2f}",
                f"{pace.low_fps:.1f}",
                f"{pace.late_share:.2%}",
                f"{pace.num_freezes}",
            )
        ),
        *(("-",) * 3 if photon is None else _milliseconds(photon.p50, photon.p95, photon.p99)),
        *(_mean(player.stage_ms.get(stage)) for stage in STAGES),
        "-" if player.first_frame_s is None else f"{player.first_frame_s:.2f}",
    )


def _milliseconds(*values: float) -> tuple[str, ...]:
    return tuple(f"{value:.0f}" for value in values)


def _mean(spread: Distribution | None) -> str:
    return "-" if spread is None else f"{spread.mean:.1f}"


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(cell.rjust(WIDTH) for cell in cells)


def _spread_line(name: str, *cells: str) -> str:
    return " ".join([name.rjust(24), *(cell.rjust(WIDTH) for cell in cells)])
