"""Converts what operators asked for to response bodies."""

import time
from datetime import UTC, datetime, timedelta

from services.backplane.blocks import AddressBlock
from services.backplane.replicas import ReplicaInfo
from services.backplane.session_pages import OpenSession
from services.session.operator.messages import (
    BlockedAddress,
    Capacity,
    FleetStatus,
    OperatorReplica,
    OperatorSession,
    RedisMemory,
    Waiting,
)
from services.session.operator.service import Overview
from services.wire.capacity import CapacityCurve


def status_view(overview: Overview) -> FleetStatus:
    active = [replica for replica in overview.replicas if not replica.draining]
    used_bytes, budget_bytes = overview.memory
    return FleetStatus(
        open=overview.open,
        held=overview.held,
        paused=max(0, overview.open - overview.held - overview.queued),
        waiting=[Waiting(world=name, sessions=n) for name, n in overview.waiting.items()],
        replicas=len(overview.replicas),
        draining=len(overview.replicas) - len(active),
        slots=sum(replica.slots for replica in active),
        used=sum(replica.used for replica in active),
        blocks=overview.blocks,
        redis=RedisMemory(used_bytes=used_bytes, budget_bytes=budget_bytes),
    )


def session_view(session: OpenSession) -> OperatorSession:
    """Ages are by two clocks, ours and Redis'."""
    record, now = session.record, time.time()
    return OperatorSession(
        id=record.session_id,
        status=record.status,
        world=record.world,
        world_digest=record.world_digest,
        replica_id=record.replica_id or None,
        address=session.callers[-1] if session.callers else None,
        age_s=_since(record.created_at_ms, now),
        held_s=_since(record.held_since_ms, now) if record.held_since_ms else None,
        owners=record.epoch,
        ends_at=datetime.fromtimestamp(session.ends_at_ms / 1000, UTC),
        reason=record.reason or None,
    )


def replica_view(replica: ReplicaInfo) -> OperatorReplica:
    return OperatorReplica(
        id=replica.replica_id,
        world=replica.world,
        world_digest=replica.world_digest,
        slots=replica.slots,
        used=replica.used,
        draining=replica.draining,
        level=replica.level,
        refusal=replica.refusal or None,
        capacity=_capacity(replica.capacity) if replica.capacity else None,
    )


def block_view(block: AddressBlock) -> BlockedAddress:
    return BlockedAddress(
        address=block.who,
        reason=block.reason,
        expires_at=datetime.now(UTC) + timedelta(seconds=block.left_s),
    )


def _capacity(curve: CapacityCurve) -> Capacity:
    return Capacity(
        period_ms=round(1e3 * curve.period_s, 3),
        ticks_ms={str(number): round(1e3 * seconds, 3) for number, seconds in curve.ticks_s},
    )


def _since(at_ms: int, now: float) -> float:
    return round(max(0.0, now - at_ms / 1000), 1)
