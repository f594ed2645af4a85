"""Formats a drill's report for a terminal."""

from loadtest.drills.report import PHASES, DrillReport
from loadtest.drills.verdict import arrivals

MB = 1 << 20
MUCH_CPU = 0.2  # cores


def table(report: DrillReport) -> str:
    findings = report.findings
    parts = [
        _rows(("player", *(f"{phase}: fps, late %, gap ms" for phase in PHASES), "session"),
              _player_rows(report)),
        _rows(("memory, MB", "before", "peak", "after", "% of a core in each phase"),
              _memory_rows(report)),
        _rows(("arrived", "found", "wanted"), [
            (what, f"{found:.0f}", f"{wanted:.0f}") for what, found, wanted in arrivals(findings)
        ]),
        _rows(("attack", "what became of it"), _tally_rows(report)),
        f"attacker: {findings.attack.cpu_share:.2f} of a core for {findings.attack.seconds:.0f} s;"
        f" load average {', '.join(f'{phase.load:.1f}' for phase in findings.phases)}",
        *_busy_lines(report),
        *_verdict_lines(report),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _player_rows(report: DrillReport) -> list[tuple[str, ...]]:
    return [
        (
            f"{player.player} ({player.address})",
            *(
                f"{phase.fps:.2f}, {phase.late_share:.1%}, {phase.longest_gap_ms:.0f}"
                for phase in player.phases
            ),
            "; ".join(player.errors) or "not ended",
        )
        for player in report.findings.players
    ]


def _memory_rows(report: DrillReport) -> list[tuple[str, ...]]:
    rows = [
        (
            one.name,
            *(f"{value / MB:.1f}" for value in (one.before, one.peak, one.after)),
            _cpu(report, one.name),
        )
        for one in report.findings.memory
    ]
    return [*rows, ("keys in Redis", *map(str, report.findings.redis_keys), "")]


def _cpu(report: DrillReport, name: str) -> str:
    shares = [phase.cpu[name] for phase in report.findings.phases if name in phase.cpu]
    return ", ".join(f"{share:.0%}" for share in shares)


def _tally_rows(report: DrillReport) -> list[tuple[str, ...]]:
    return [
        (attack, ", ".join(f"{event}: {count}" for event, count in sorted(events.items())))
        for attack, events in sorted(report.findings.attack.tally.items())
    ]


def _verdict_lines(report: DrillReport) -> list[str]:
    if report.missing:
        return ["It did not attack, and so shows nothing:", *report.missing, *report.harm]
    if report.harm:
        return ["Harm was done:", *report.harm]
    return ["Nobody was harmed."]


def _busy_lines(report: DrillReport) -> list[str]:
    others = max(phase.others for phase in report.findings.phases)
    if others < MUCH_CPU:
        return []
    return [f"Other programs took up to {others:.1f} cores: frame rates are about those, too."]


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
