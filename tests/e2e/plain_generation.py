"""`python -m tests.e2e.plain_generation`: replicas of each world with a dispatcher in one process,
without Ray.

Engine, frames and queue are real. For tests with several replicas, since a Ray per replica starts
too slowly on a small machine.
"""

import asyncio
import os
import signal

from services.backplane.connection import connect
from services.environment import read_settings
from services.generation.sessions.dispatcher import Dispatcher
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.startup import start_replica
from services.generation.worlds_served import find_worlds
from services.telemetry import setup_logging, setup_metrics


async def serve() -> None:
    settings = read_settings(GenerationSettings, PREFIX, os.environ)
    setup_logging("generation")
    setup_metrics("generation")
    folders = {
        f"plain{settings.ops_port}.{i}-": f for i, f in enumerate(find_worlds(settings.worlds))
    }
    started = {group: await start_replica(settings, f, group) for group, f in folders.items()}
    redis = connect(settings.redis_url)
    dispatcher = Dispatcher(
        redis, {group: replica.run_session for group, (replica, _) in started.items()}
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, dispatcher.stop)
    await dispatcher.run()
    for replica, health in started.values():
        await replica.stop()
        await health.stop()
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(serve())
