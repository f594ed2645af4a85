"""Samples the memory of all processes and of Redis once a second."""

import asyncio

from loadtest.drills.report import MemoryFigures
from loadtest.drills.service_processes import ServiceProcesses, redis_figures, resident_bytes

EVERY_S = 1.0
HELD = "what Redis holds"


class MemoryWatch:
    """Owns the samples since construction: (bytes by name, keys in Redis)."""

    def __init__(self, services: ServiceProcesses) -> None:
        self._services = services
        self._samples: list[tuple[dict[str, int], int]] = []

    async def run(self) -> None:
        """Samples until cancelled."""
        while True:
            await self.sample()
            await asyncio.sleep(EVERY_S)

    async def sample(self) -> None:
        sizes = resident_bytes(self._services.processes)
        redis = await asyncio.to_thread(redis_figures, self._services.redis_socket)
        self._samples.append((sizes | {HELD: redis["used_bytes"]}, redis["keys"]))

    def memory(self) -> tuple[MemoryFigures, ...]:
        """Returns figures of all processes in the first sample."""
        first, last = self._samples[0][0], self._samples[-1][0]
        return tuple(
            MemoryFigures(
                name=name,
                before=first[name],
                peak=max(sizes.get(name, 0) for sizes, _ in self._samples),
                after=last.get(name, 0),
                ended=name not in last,
            )
            for name in first
        )

    def keys(self) -> tuple[int, int, int]:
        counts = [keys for _, keys in self._samples]
        return counts[0], max(counts), counts[-1]
