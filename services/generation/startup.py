"""From settings to a running replica: the world, the engine, and what stands around them."""

import logging
import time

from model.engine.engine import WorldEngine
from model.world import World
from services.generation.frames.forecast import MAX_GUESSES
from services.generation.health import HealthServer, create_app
from services.generation.sessions.offer import make_offer
from services.generation.sessions.replica import Replica
from services.generation.settings import GenerationSettings

log = logging.getLogger(__name__)


async def start_replica(settings: GenerationSettings, group: str) -> tuple[Replica, HealthServer]:
    """Raises WorldError for a missing or damaged world, OSError for a taken frame port,
    RuntimeError when no encoder works, BackplaneError when Redis is away."""
    started = time.monotonic()
    world = World.load(settings.world)
    engine = WorldEngine(
        world,
        max_sessions=settings.slots,
        device=settings.device,
        max_drafts=MAX_GUESSES,
        max_joint=1 if settings.speculation == "joint" else 0,
    )
    replica = Replica(settings, world.spec, engine, make_offer(world), group)
    health = HealthServer(create_app(replica))
    port = health.start(settings.host, settings.port)
    await replica.start()
    seconds = round(time.monotonic() - started, 1)
    log.info("world loaded and warm", extra={"world": world.spec.name, "port": port, "s": seconds})
    return replica, health
