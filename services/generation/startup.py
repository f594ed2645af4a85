"""From settings to a running replica: the world, the engine, and what stands around them."""

import logging
import time

from model.engine.engine import WorldEngine
from model.int8.serving import in_precision, why_not_int8
from model.world import Precision, World
from services.generation.frames.forecast import MAX_GUESSES
from services.generation.health import HealthServer, create_app
from services.generation.sessions.offer import make_offer
from services.generation.sessions.replica import Replica
from services.generation.settings import GenerationSettings

log = logging.getLogger(__name__)


async def start_replica(settings: GenerationSettings, group: str) -> tuple[Replica, HealthServer]:
    """Raises WorldError for a missing or damaged world, ValueError for a precision that this
    processor has not, OSError for a taken frame port,
    RuntimeError when no encoder works, BackplaneError when Redis is away."""
    started = time.monotonic()
    world = World.load(settings.world)
    served = in_precision(world, _precision(settings))
    engine = WorldEngine(
        served,
        max_sessions=settings.slots,
        device=settings.device,
        max_drafts=MAX_GUESSES,
        max_joint=1 if settings.speculation == "joint" else 0,
    )
    replica = Replica(settings, world.spec, engine, make_offer(world), group)
    health = HealthServer(create_app(replica))
    port = health.start(settings.host, settings.port)
    await replica.start()
    log.info(
        "world loaded and warm",
        extra={
            "world": world.spec.name,
            "precision": served.precision,
            "port": port,
            "s": round(time.monotonic() - started, 1),
        },
    )
    return replica, health


def _precision(settings: GenerationSettings) -> Precision:
    if settings.precision == "auto":
        return "int8" if settings.device == "cpu" and not why_not_int8() else "fp32"
    return "int8" if settings.precision == "int8" else "fp32"
