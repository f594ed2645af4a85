"""The result of a fault drill: `build/drill.json`, a page beside it, a table for a terminal."""

import json
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from loadtest.drills.fault_drill import FaultFindings
from loadtest.drills.faults import Fault
from loadtest.drills.report import SCHEMA, VERSION
from loadtest.page import STYLE

HEAD = (
    "player",
    "frames/s before",
    "longest gap, s",
    "frames lost",
    "plays on",
    "the player was told",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReport:
    """`harm`: what a player should not have seen."""

    machine: dict[str, Any]
    commit: str
    fault: Fault
    findings: FaultFindings

    @property
    def harm(self) -> tuple[str, ...]:
        found = []
        for player in self.findings.players:
            if not player.plays_on:
                notices = "; ".join(player.notices) or "nothing"
                found.append(f"player {player.player} does not play on, and was told: {notices}")
            elif player.longest_gap_s > self.fault.max_gap_s:
                gap = f"{player.longest_gap_s:.2f} s, more than {self.fault.max_gap_s:g} s"
                found.append(f"player {player.player} saw no frame for {gap}")
        return tuple(found)

    def to_json(self) -> str:
        content = {
            "schema": SCHEMA,
            "version": VERSION,
            "drill": self.fault.name,
            "machine": self.machine,
            "commit": self.commit,
            "broken": self.fault.what,
            "max_gap_s": self.fault.max_gap_s,
            "findings": asdict(self.findings),
            "harm": self.harm,
        }
        return json.dumps(content, indent=2)

    def table(self) -> str:
        rows = [HEAD, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        before, after = self.findings.redis_keys
        left = f"keys in Redis: {before} before, {after} at the end"
        return "\n".join([f"broken: {self.fault.what}", "", *lines, "", left, *self._verdict()])

    def to_page(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._rows()
        )
        verdict = "".join(f"<li>{escape(line)}</li>" for line in self._verdict())
        return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Nextframe drill: {escape(self.fault.name)}</title><style>{STYLE}</style></head><body>
<h1>{escape(self.fault.what)}</h1>
<p>commit {escape(self.commit)} · {escape(str(self.machine["cpu"]))}</p>
<ul>{verdict}</ul>
<table><tr>{head}</tr>{rows}</table>
</body></html>
"""

    def _verdict(self) -> list[str]:
        return ["Harm was done:", *self.harm] if self.harm else ["Nobody was harmed."]

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(player.player),
                f"{player.fps_before:.1f}",
                f"{player.longest_gap_s:.2f}",
                str(player.lost_frames),
                "yes" if player.plays_on else "no",
                "; ".join(player.notices) or "nothing",
            )
            for player in self.findings.players
        ]
