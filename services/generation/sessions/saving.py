"""Saves one session's snapshots in Redis, and counts the frames between two snapshots."""

import asyncio
import time
from concurrent.futures import Future

from model.snapshot import WorldSnapshot
from services.backplane.releases import VersionFigures
from services.backplane.sessions import SessionStore
from services.telemetry import meter
from services.wire.session import Lease

SNAPSHOT_TIME = meter.create_histogram(
    "nextframe_snapshot",
    unit="s",
    description="time to take a session's snapshot and save it",
    explicit_bucket_boundaries_advisory=[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0],
)


class Saving:
    """Owns the counts of a session under a lease."""

    def __init__(
        self,
        store: SessionStore,
        figures: VersionFigures,
        *,
        session_id: str,
        lease: Lease,
        world_digest: str,
    ) -> None:
        self._store = store
        self._figures = figures
        self._id = session_id
        self._lease = lease
        self._world_digest = world_digest
        self._counted: tuple[float, int] | None = None  # (time, frame index) of the last count

    async def save(self, taken: Future[WorldSnapshot]) -> None:
        """Raises NotFiniteError for latents with NaN or infinity; the previous snapshot then
        stands."""
        started = time.monotonic()
        try:
            snapshot = await asyncio.wrap_future(taken)
        except KeyError:
            return  # the session has just failed: the previous snapshot stands
        blob = await asyncio.to_thread(snapshot.to_bytes)
        await self._store.save_snapshot(self._id, self._lease, blob)
        SNAPSHOT_TIME.record(time.monotonic() - started)
        await self._count_frames(snapshot.frame_idx)

    async def _count_frames(self, frame_idx: int) -> None:
        """Adds the frames and the time since the last count to the figures of the version."""
        now = time.monotonic()
        if self._counted is None:
            counts = {"sessions": int(self._lease.epoch == 1)}
        elif frame_idx < self._counted[1]:  # a reset: frames count from the start again
            counts = {}
        else:
            since_s, since_frame = self._counted
            counts = {"frames": frame_idx - since_frame, "played_ms": round(1e3 * (now - since_s))}
        self._counted = now, frame_idx
        await self._figures.add(self._world_digest, counts)
