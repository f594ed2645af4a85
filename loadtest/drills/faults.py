"""What a fault drill breaks: processes and data of a local stack that this process started."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loadtest.drills.service_processes import (
    NoServicesError,
    Process,
    ServiceProcesses,
    empty_redis,
)

REDIS_AWAY_S = 10.0
STALL_S = 8.0

Break = Callable[[ServiceProcesses, str], Awaitable[None]]  # the services, the players' world


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`what`: for the report. `max_gap_s`: the longest time without a frame that a player may see.
    The time includes the start of a new process on two busy cores."""

    name: str
    what: str
    max_gap_s: float
    break_it: Break


async def _kill_replica(services: ServiceProcesses, world: str) -> None:
    os.kill(_replica(services, world).pid, signal.SIGKILL)


async def _terminate_replica(services: ServiceProcesses, world: str) -> None:
    os.kill(_replica(services, world).pid, signal.SIGTERM)


async def _stall_replica(services: ServiceProcesses, world: str) -> None:
    await _stall(_replica(services, world), STALL_S)


async def _kill_dispatcher(services: ServiceProcesses, world: str) -> None:
    os.kill(_find(services, ":Dispatcher").pid, signal.SIGKILL)


async def _kill_controller(services: ServiceProcesses, world: str) -> None:
    os.kill(_find(services, "ServeController").pid, signal.SIGKILL)


async def _stop_redis(services: ServiceProcesses, world: str) -> None:
    await _stall(_find(services, "redis"), REDIS_AWAY_S)


async def _empty_redis(services: ServiceProcesses, world: str) -> None:
    await asyncio.to_thread(empty_redis, services.redis_socket)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            name="replica-kill",
            what="SIGKILL to the only replica of the world",
            max_gap_s=8.0,
            break_it=_kill_replica,
        ),
        Fault(
            name="replica-term",
            what="SIGTERM to the only replica of the world",
            max_gap_s=40.0,  # Serve notices by three missed health checks
            break_it=_terminate_replica,
        ),
        Fault(
            name="replica-stall",
            what=f"the only replica of the world stopped for {STALL_S:.0f} s",
            max_gap_s=STALL_S + 3.0,
            break_it=_stall_replica,
        ),
        Fault(
            name="dispatcher-kill",
            what="SIGKILL to the dispatcher",
            max_gap_s=1.0,
            break_it=_kill_dispatcher,
        ),
        Fault(
            name="controller-kill",
            what="SIGKILL to Ray Serve's controller",
            max_gap_s=1.0,
            break_it=_kill_controller,
        ),
        Fault(
            name="redis-stop",
            what=f"Redis stopped for {REDIS_AWAY_S:.0f} s",
            max_gap_s=1.0,
            break_it=_stop_redis,
        ),
        Fault(
            name="redis-empty",
            what="Redis without its data",
            max_gap_s=1.0,
            break_it=_empty_redis,
        ),
    )
}


async def _stall(process: Process, seconds: float) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(process.pid, signal.SIGCONT)


def _replica(services: ServiceProcesses, world: str) -> Process:
    """`Generator`, or `Generator-<world>` beside other worlds."""
    named = [p for p in services.processes if p.name.endswith(f":Generator-{world}")]
    return named[0] if named else _find(services, ":Generator")


def _find(services: ServiceProcesses, ending: str) -> Process:
    found = [process for process in services.processes if process.name.endswith(ending)]
    if len(found) != 1:
        names = ", ".join(process.name for process in services.processes)
        raise NoServicesError(f"not one {ending} among {names}")
    return found[0]
