"""Rows of the tables, from the answers of the services. Plain text, no colours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from services.operator_cli.output import make_table

SHORT_ID = 12


def status_table(status: Any) -> Table:
    waiting = ", ".join(f"{w['world']} {w['sessions']}" for w in status["waiting"]) or "none"
    memory = status["redis"]
    draining = f", {status['draining']} draining" if status["draining"] else ""
    rows = [
        ("sessions", f"{status['open']} open: {status['held']} held, {status['paused']} paused"),
        ("waiting", waiting),
        ("replicas", f"{status['replicas']}{draining}"),
        ("slots", f"{status['used']} of {status['slots']} used"),
        ("blocked", f"{status['blocks']} addresses"),
        ("redis", f"{mib(memory['used_bytes'])} of {mib(memory['budget_bytes'])}"),
    ]
    return make_table(("what", "now"), rows, empty="")


def sessions_table(sessions: Sequence[Any]) -> Table:
    rows = [
        (
            s["id"][:SHORT_ID],
            s["status"],
            s["world"],
            s.get("replica_id", "-")[:SHORT_ID],
            s.get("address", "-"),
            duration(s["age_s"]),
            str(s["owners"]),
        )
        for s in sessions
    ]
    columns = ("session", "status", "world", "replica", "address", "[age]", "[owners]")
    return make_table(columns, rows, empty="No sessions.")


def replicas_table(replicas: Sequence[Any]) -> Table:
    rows = [
        (
            r["id"][:SHORT_ID],
            r["world"],
            r["world_digest"][:SHORT_ID],
            f"{r['used']}/{r['slots']}",
            str(r["level"]),
            "draining" if r["draining"] else r.get("refusal", "ready"),
            ticks(r.get("capacity")),
        )
        for r in replicas
    ]
    columns = ("replica", "world", "version", "[used]", "[level]", "state", "tick ms by sessions")
    return make_table(columns, rows, empty="No replicas.")


def blocks_table(blocks: Sequence[Any]) -> Table:
    rows = [(b["address"], moment(b["expires_at"]), b["reason"]) for b in blocks]
    return make_table(("address", "until (UTC)", "reason"), rows, empty="No blocks.")


def worlds_table(worlds: Sequence[Any], replicas: Sequence[Any]) -> Table:
    rows = []
    for world in worlds:
        serving = [r for r in replicas if r["world_digest"] == world.get("digest")]
        used = sum(r["used"] for r in serving)
        rows.append(
            (
                world["name"],
                world.get("digest", "")[:SHORT_ID],
                f"{world['width']}x{world['height']}",
                f"{world['fps']:g}",
                str(len(world["starts"])),
                str(len(serving)),
                f"{used}/{sum(r['slots'] for r in serving)}",
            )
        )
    columns = ("world", "version", "[size]", "[fps]", "[starts]", "[replicas]", "[used]")
    return make_table(columns, rows, empty="No world is served.")


def ticks(capacity: Any) -> str:
    """Empty for a replica of an older service."""
    if not capacity:
        return ""
    measured = " ".join(f"{number}:{ms:.0f}" for number, ms in capacity["ticks_ms"].items())
    return f"{measured} of {capacity['period_ms']:.0f}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")


def mib(number: int) -> str:
    return f"{number / 2**20:.0f} MiB"
