"""Evaluates a hostile drill: harm to players and services, and attacks that did not arrive.

Pure functions from figures to sentences.
"""

from collections.abc import Iterator

from loadtest.drills.counters import total
from loadtest.drills.report import PHASES, AttackFigures, Findings, MemoryFigures, PlayerFigures

MAX_FALL = 0.10  # of the frame rate, against the phase before
# Of each process, and of what Redis holds. A fresh ingest process grows by 18 MB with its first 100
# peers and then no more, however many follow; a header of 20 MB kept for each port exceeds it.
MAX_GROWTH_BYTES = 32 << 20
MAX_CPU_OVERRUN = 1.2  # times the attacker's share
MIN_SHARE = 0.5  # of what the rates say that must have arrived
TOO_MANY_PER_S = 20  # actions refused: few are, for ingest reads a flood slowly or cuts it off
MIN_WATCHERS = 9  # one more than an address may have
FORGIVEN_S = 1.0  # of an attack, until all of it has begun


def harm(findings: Findings) -> tuple[str, ...]:
    """Returns one sentence for each forbidden effect; empty without harm."""
    sentences = [one for player in findings.players for one in _player_harm(player)]
    sentences += [one for memory in findings.memory for one in _memory_harm(memory)]
    return tuple(sentences)


def _player_harm(player: PlayerFigures) -> Iterator[str]:
    who = f"player {player.player}"
    if player.errors:
        yield f"{who}'s session ended or broke: {'; '.join(player.errors)}"
    before, *others = (phase.fps for phase in player.phases)
    if before <= 0:
        yield f"{who} got no frames even before the attack"
        return
    for phase, fps in zip(PHASES[1:], others, strict=True):
        if fps < (1 - MAX_FALL) * before:
            yield f"{who}'s frame rate fell from {before:.2f} to {fps:.2f} ({phase})"


def _memory_harm(memory: MemoryFigures) -> Iterator[str]:
    if memory.ended:
        yield f"the process {memory.name} ended"
    growth = memory.peak - memory.before
    if growth > MAX_GROWTH_BYTES:
        yield f"{memory.name} grew by {growth / (1 << 20):.0f} MB"


def missing(findings: Findings) -> tuple[str, ...]:
    """Returns one sentence for each attack with too few arrivals."""
    attack, rates = findings.attack, findings.plan.rates
    sentences = [
        f"{what}: {found:.0f}, wanted {wanted:.0f} or more"
        for what, found, wanted in arrivals(findings)
        if found < wanted
    ]
    if attack.cpu_share > MAX_CPU_OVERRUN * rates.cpu_share:
        sentences.append(f"the attacker took {attack.cpu_share:.2f} of a core")
    return tuple(sentences)


def arrivals(findings: Findings) -> tuple[tuple[str, float, float], ...]:
    """Returns (attack, amount observed by the services or the attacker, required amount)."""
    attack, rates = findings.attack, findings.plan.rates
    counted = attack.counted
    share_s = MIN_SHARE * max(0.0, findings.plan.seconds - FORGIVEN_S)
    datagrams = total(counted, "ingest nextframe_datagrams_dropped")
    ended = "nextframe_http_connections_ended"
    actions = "ingest nextframe_actions"
    too_many = sum(total(counted, actions, outcome=one) for one in ("too_many", "abuse"))
    closed = rates.silent_connections * MIN_SHARE
    return (
        ("datagrams dropped by ingest", datagrams, rates.datagrams_per_s * share_s),
        ("connections ended by ingest", total(counted, f"ingest {ended}"), closed),
        ("connections ended by session", total(counted, f"session {ended}"), closed),
        ("request heads refused", _said(attack, "request heads", "431"), 1),
        ("actions sent", _actions_sent(attack), rates.actions_per_s * share_s),
        ("actions refused by ingest", too_many, TOO_MANY_PER_S * share_s),
        ("NACK packets sent", _said(attack, "NACK packets", "sent"), rates.nacks_per_s * share_s),
        ("peers cut off", total(counted, "ingest nextframe_peers_cut_off", fault="flood"), 1),
        ("offers of watchers answered", _answered(attack, "watchers"), MIN_WATCHERS),
        ("garbage offers refused", _answered(attack, "garbage offers", "4"),
         rates.offers_per_s * share_s),
        ("creations refused", _answered(attack, "creations", "4"), 5),
    )  # fmt: skip


def _said(attack: AttackFigures, name: str, event: str) -> float:
    return attack.tally.get(name, {}).get(event, 0)


def _actions_sent(attack: AttackFigures) -> float:
    ways = ("actions (data channel)", "actions (WebSocket)")
    return sum(_said(attack, way, "sent") for way in ways)


def _answered(attack: AttackFigures, name: str, kind: str = "") -> float:
    """Answers by HTTP; `kind`: the first digit of their status, any if empty."""
    events = attack.tally.get(name, {})
    return sum(
        count for event, count in events.items() if event.isdecimal() and event.startswith(kind)
    )
