"""What is wrong with an installation, and what to do. Rules without I/O."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.operator_cli.doctor.findings import Finding, Health, Seen, SeenService
from services.wire.capacity import CapacityCurve

GOOD, DOUBTFUL, BAD = Health.GOOD, Health.DOUBTFUL, Health.BAD

CLOCK_S = 5.0  # further apart, tokens and times in logs confuse
FULL = 0.8  # of the memory for worlds
MIN_SECRET_CHARS = 32
MAX_SECRET_DAYS = 365


def examine(seen: Seen) -> list[Finding]:
    findings = [finding for service in seen.services for finding in _service(service)]
    if seen.error:
        advice = "Check --url and the operator token; the checks below need both."
        return [
            *findings,
            Finding(subject="operator", verdict=BAD, detail=seen.error, advice=advice),
        ]
    for check in (_redis, _clocks, _secret, _servers, _replicas, _gpus):
        findings += check(seen)
    return findings


def _service(service: SeenService) -> Iterator[Finding]:
    subject = service.name
    if not service.ready:
        verdict = BAD if service.is_needed else DOUBTFUL
        advice = f"Start the service, or name its port: --ops {service.name}=URL."
        detail = f"no answer at {service.url}"
        yield Finding(subject=subject, verdict=verdict, detail=detail, advice=advice)
        return
    if service.ready != 200:
        advice = "The service's log has the details; it serves again by itself once this is mended."
        detail = f"not ready: {service.reason}"
        yield Finding(subject=subject, verdict=BAD, detail=detail, advice=advice)
    elif service.has_metrics:
        yield Finding(subject=subject, verdict=GOOD, detail="ready, with metrics")
    if not service.has_metrics:
        advice = "Is another program on this port?"
        yield Finding(subject=subject, verdict=BAD, detail="no metrics", advice=advice)


def _redis(seen: Seen) -> Iterator[Finding]:
    redis = seen.setup["redis"]
    if redis["role"] not in ("master", "primary"):
        advice = "Let NEXTFRAME_REDIS_URL lead to the primary."
        yield Finding(subject="redis", verdict=BAD, detail=f"role {redis['role']}", advice=advice)
    yield _persistence(redis["persistence"])
    policy = redis["eviction_policy"]
    if policy in ("noeviction", ""):
        yield Finding(subject="redis", verdict=GOOD, detail="evicts nothing")
    else:
        advice = "Set maxmemory-policy noeviction: Redis deletes worlds and leases when full."
        yield Finding(subject="redis", verdict=BAD, detail=f"evicts by {policy}", advice=advice)
    if not redis["maxmemory_bytes"]:
        advice = "Set maxmemory below the machine's memory."
        yield Finding(subject="redis", verdict=DOUBTFUL, detail="no maxmemory", advice=advice)
    memory = seen.status["redis"]
    share = memory["used_bytes"] / max(1, memory["budget_bytes"])
    if share > FULL:
        advice = "Raise NEXTFRAME_SESSION_REDIS_BUDGET_MB and maxmemory; at 100 % nobody may start."
        detail = f"{share:.0%} of the memory for worlds is used"
        yield Finding(subject="redis", verdict=DOUBTFUL, detail=detail, advice=advice)


def _persistence(kind: str) -> Finding:
    if kind in ("aof", "rdb"):
        return Finding(subject="redis", verdict=GOOD, detail=f"persistence {kind}")
    advice = "Set appendonly yes: without persistence a restart of Redis ends every world."
    return Finding(subject="redis", verdict=DOUBTFUL, detail=f"persistence {kind}", advice=advice)


def _clocks(seen: Seen) -> Iterator[Finding]:
    for whose, ahead_s in (
        ("Redis", seen.setup["redis"]["clock_ahead_s"]),
        ("this machine", seen.clock_ahead_s),
    ):
        if abs(ahead_s) > CLOCK_S:
            detail = f"the clock of {whose} is {abs(ahead_s):.0f} s "
            detail += "ahead of" if ahead_s > 0 else "behind"
            advice = "Run a time service (NTP) on every machine."
            yield Finding(
                subject="clock",
                verdict=DOUBTFUL,
                detail=f"{detail} the session service",
                advice=advice,
            )


def _secret(seen: Seen) -> Iterator[Finding]:
    chars = seen.setup["token_secret_chars"]
    if chars >= MIN_SECRET_CHARS:
        yield _secret_age(seen.setup, chars)
    else:
        advice = f"Set NEXTFRAME_TOKEN_SECRET to at least {MIN_SECRET_CHARS} random characters."
        yield Finding(subject="secret", verdict=BAD, detail=f"{chars} characters", advice=advice)


def _secret_age(setup: Mapping[str, Any], chars: int) -> Finding:
    if not (written_at := setup["token_secret_written_at"]):
        detail = f"present, {chars} characters; the age is known only for a secret from a file"
        return Finding(subject="secret", verdict=GOOD, detail=detail)
    age = datetime.fromisoformat(setup["now"]) - datetime.fromisoformat(written_at)
    detail = f"present, {chars} characters, {age.days} days old"
    if age.days <= MAX_SECRET_DAYS:
        return Finding(subject="secret", verdict=GOOD, detail=detail)
    return Finding(
        subject="secret", verdict=DOUBTFUL, detail=detail, advice="Replace the secret once a year."
    )


def _servers(seen: Seen) -> Iterator[Finding]:
    if not seen.servers:
        advice = "Set NEXTFRAME_SESSION_ICE_SERVERS if players come from closed networks."
        detail = "no STUN or TURN server"
        yield Finding(subject="turn", verdict=DOUBTFUL, detail=detail, advice=advice)
    for server in seen.servers:
        if server.error:
            advice = "Check the server, its port and the firewall between."
            detail = f"{server.url}: {server.error}"
            yield Finding(subject="turn", verdict=BAD, detail=detail, advice=advice)
        else:
            yield Finding(subject="turn", verdict=GOOD, detail=f"{server.url} answers")


def _replicas(seen: Seen) -> Iterator[Finding]:
    if not seen.replicas:
        advice = "Start generation; its log says why if it does not come up."
        yield Finding(subject="replicas", verdict=BAD, detail="there are none", advice=advice)
    for replica in seen.replicas:
        name = f"{replica['id'][:12]} ({replica['world']})"
        if replica["draining"]:
            advice = "nextframe undrain, if nobody replaces the replica."
            yield Finding(
                subject="replicas", verdict=DOUBTFUL, detail=f"{name} is draining", advice=advice
            )
        elif refusal := replica.get("refusal"):
            advice = "The replica tries again by itself; restart the replica if this lasts."
            yield Finding(
                subject="replicas", verdict=BAD, detail=f"{name}: {refusal}", advice=advice
            )
        else:
            yield _capacity(name, replica)


def _capacity(name: str, replica: dict[str, object]) -> Finding:
    """Whether a replica offers more slots than were measured to fit."""
    shown, slots = replica.get("capacity"), replica["slots"]
    assert isinstance(slots, int)
    if not isinstance(shown, dict) or not shown["ticks_ms"]:
        return Finding(subject="replicas", verdict=GOOD, detail=f"{name}: {slots} slots")
    curve = CapacityCurve(
        period_s=shown["period_ms"] / 1e3,
        ticks_s=tuple((int(number), ms / 1e3) for number, ms in shown["ticks_ms"].items()),
    )
    load = curve.tick_s(max(1, slots)) / curve.period_s
    detail = f"{name}: {slots} slots, {load:.0%} of a frame period when full"
    if load <= 1.0:
        return Finding(subject="replicas", verdict=GOOD, detail=detail)
    advice = "Players get fewer frames when full: lower NEXTFRAME_GENERATION_SLOTS or _MIN_SLOTS."
    return Finding(subject="replicas", verdict=DOUBTFUL, detail=detail, advice=advice)


def _gpus(seen: Seen) -> Iterator[Finding]:
    for gpu in seen.gpus:
        yield Finding(subject="gpu", verdict=GOOD, detail=f"{gpu} on this machine")
