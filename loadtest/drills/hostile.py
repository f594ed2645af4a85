"""The hostile drill in three phases of equal length: players only, players under all attacks,
players again.

The attacker is a separate process and plays honestly before the attack, so the load of a further
player does not count as harm.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

from loadtest.drills.counters import fetch_counters, grown
from loadtest.drills.plan import DrillPlan, Order
from loadtest.drills.players import Crowd, phase_pace, playing
from loadtest.drills.report import PHASES, AttackFigures, DrillPhase, Findings, PlayerFigures
from loadtest.drills.service_processes import (
    NoServicesError,
    Process,
    ServiceProcesses,
    busy_seconds,
    find_service_processes,
    processor_seconds,
)
from loadtest.drills.watch import MemoryWatch

ATTACKER = (sys.executable, "-m", "loadtest.drills.attacker")
START_TIMEOUT_S = 120.0
GRACE_S = 30.0  # the attacker's, beyond its time
STOP_TIMEOUT_S = 5.0
SETTLE_S = 3.0
PLAYERS = "the players' own process"
MAX_LINE_BYTES = 1 << 20


class AttackerProcess:
    """Owns the hostile process; communicates by lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def process(self) -> Process:
        return Process(pid=self._process.pid, name="attacker", command="")

    def send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def receive(self, timeout_s: float) -> dict[str, Any]:
        """Raises NoServicesError at a time-out, or with the error sent by the attacker."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise NoServicesError(f"the attacker said nothing for {timeout_s:.0f} s") from None
        said = json.loads(line or '{"error": "it ended"}')
        if "error" in said:
            raise NoServicesError(f"the attacker cannot attack: {said['error']}")
        assert isinstance(said, dict)
        return said


@asynccontextmanager
async def honest_player(page_url: str, plan: DrillPlan) -> AsyncIterator[AttackerProcess]:
    """Yields the attacker's process in honest play; ends the process at the end."""
    process = await asyncio.create_subprocess_exec(
        *ATTACKER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=MAX_LINE_BYTES,
    )
    attacker = AttackerProcess(process)
    try:
        attacker.send({"page_url": page_url, "nice": plan.attacker_nice})
        await attacker.receive(START_TIMEOUT_S)
        yield attacker
    finally:
        if process.returncode is None:
            process.kill()  # by its own pid, and it starts nothing
        await process.wait()


async def run(page_url: str, plan: DrillPlan, root_pid: int | None = None) -> Findings:
    """Attacks the stack behind `page_url`, started by this process or by `root_pid`. Raises
    NoServicesError or RefusedError if no stack can be attacked."""
    services = find_service_processes(root_pid or os.getpid())
    async with playing(page_url, plan) as crowd, honest_player(page_url, plan) as attacker:
        timed = replace(services, processes=(*services.processes, attacker.process))
        await crowd.until_playing()
        await asyncio.sleep(SETTLE_S)
        phases = [await _phase(PHASES[0], plan, timed)]
        watch = MemoryWatch(services)
        await watch.sample()
        watching = asyncio.create_task(watch.run())
        counted_before = await fetch_counters(services.ops_urls)
        attacker.send(_order(page_url, plan, crowd))
        phases.append(await _phase(PHASES[1], plan, timed))
        said = await attacker.receive(GRACE_S)
        counted = grown(counted_before, await fetch_counters(services.ops_urls))
        phases.append(await _phase(PHASES[2], plan, timed))
        watching.cancel()
        await watch.sample()
        return Findings(
            plan=plan,
            phases=tuple(phases),
            players=_figures(plan, crowd, phases),
            memory=watch.memory(),
            redis_keys=watch.keys(),
            attack=AttackFigures(
                seconds=said["seconds"],
                cpu_share=said["cpu_share"],
                tally=said["tally"],
                counted=counted,
            ),
        )


async def _phase(name: str, plan: DrillPlan, services: ServiceProcesses) -> DrillPhase:
    print(f"{name}: {plan.seconds:g} s", flush=True)
    began, used_before, busy_before = time.monotonic(), _used(services), busy_seconds()
    await asyncio.sleep(plan.seconds)
    ended, used, busy = time.monotonic(), _used(services), busy_seconds()
    cpu = {
        process: (seconds - used_before.get(process, 0.0)) / (ended - began)
        for process, seconds in used.items()
    }
    others = max(0.0, (busy - busy_before) / (ended - began) - sum(cpu.values()))
    load = os.getloadavg()[0]
    return DrillPhase(name=name, began=began, ended=ended, cpu=cpu, others=others, load=load)


def _used(services: ServiceProcesses) -> dict[str, float]:
    return processor_seconds(services.processes) | {PLAYERS: time.process_time()}


def _order(page_url: str, plan: DrillPlan, crowd: Crowd) -> dict[str, Any]:
    if not crowd.ports:
        raise NoServicesError("no player's connection has an address on loopback")
    order = Order(page_url=page_url, seconds=plan.seconds, rates=plan.rates, ports=crowd.ports)
    return asdict(order)


def _figures(plan: DrillPlan, crowd: Crowd, phases: list[DrillPhase]) -> tuple[PlayerFigures, ...]:
    return tuple(
        PlayerFigures(
            player=log.player,
            address=plan.address(log.player),
            phases=tuple(
                phase_pace(log, period_s=crowd.period_s, began=phase.began, ended=phase.ended)
                for phase in phases
            ),
            errors=tuple(log.errors),
        )
        for log in crowd.logs
    )
