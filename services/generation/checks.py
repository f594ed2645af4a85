"""Checks before a replica starts: an error inside Ray would repeat and be hard to read. Imports
neither Ray nor torch, hence an error appears soon."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from services.backplane.connection import connect
from services.backplane.redis_probe import RedisFault, RedisProbe
from services.environment import SettingsError
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.worlds_served import find_worlds, ops_ports
from services.http_server.listener import listen

PORT_PATIENCE_S = 4.0


class CannotStart(Exception):
    """The message names the setting to change."""


def check_surroundings(settings: GenerationSettings) -> None:
    """Raises CannotStart when a port is taken, Redis is away or a world cannot be served."""
    try:
        worlds = find_worlds(settings.worlds)
    except ValueError as error:
        raise CannotStart(f"{PREFIX}WORLD: {error}") from error
    for port in ops_ports(settings):
        _check_port(settings.ops_host, port)
    if fault := asyncio.run(_redis_fault(settings.redis)):
        raise CannotStart(f"NEXTFRAME_REDIS_URL: {fault.reason}")
    _check_worlds(worlds, settings)


def _check_port(host: str, port: int) -> None:
    """Waits up to PORT_PATIENCE_S for the processes of a killed service to end."""
    deadline = time.monotonic() + PORT_PATIENCE_S
    while True:
        try:
            listen(host, port, f"{PREFIX}OPS_PORT").close()
            return
        except SettingsError as error:
            if time.monotonic() >= deadline:
                raise CannotStart(str(error)) from error
        time.sleep(0.1)


async def _redis_fault(url: str) -> RedisFault | None:
    async with connect(url) as redis:
        return await RedisProbe(redis).fault()


def _check_worlds(worlds: Sequence[Path], settings: GenerationSettings) -> None:
    command = [sys.executable, "-m", "services.generation.world_check"]
    command += [settings.precision, str(settings.upscale), *map(str, worlds)]
    check = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if check.returncode:
        raise CannotStart(check.stderr.strip().rpartition("\n")[2])
