"""What must be right before a replica starts; otherwise it fails inside Ray, again and again, and
is hard to read there. Imports neither Ray nor torch, so that it speaks soon."""

import asyncio
import socket
import subprocess
import sys

from services.backplane.connection import connect, is_up
from services.generation.settings import PREFIX, GenerationSettings


class CannotStart(Exception):
    """The message says what to change."""


def check_surroundings(settings: GenerationSettings) -> None:
    """Raises CannotStart when the port is taken, Redis is away or the world cannot be served."""
    _check_port(settings.host, settings.port)
    if not asyncio.run(_redis_is_up(settings.redis_url)):
        raise CannotStart("Redis does not answer at NEXTFRAME_REDIS_URL")
    _check_world(settings)


def _check_port(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise CannotStart(
            f"port {port} on {host}: {error.strerror}. Set {PREFIX}PORT to a free one."
        ) from error


async def _redis_is_up(url: str) -> bool:
    async with connect(url) as redis:
        return await is_up(redis)


def _check_world(settings: GenerationSettings) -> None:
    command = [sys.executable, "-m", "services.generation.world_check"]
    command += [str(settings.world), settings.precision, str(settings.upscale)]
    check = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if check.returncode:
        raise CannotStart(check.stderr.strip().rpartition("\n")[2])
