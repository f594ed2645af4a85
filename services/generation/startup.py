"""From settings to a running replica: world, engine, and the port for operators."""

import contextlib
import logging
import socket
import time
from dataclasses import replace
from pathlib import Path

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, find_paths, runner_of
from model.int8.serving import in_precision, why_not_int8
from model.precision import in_bf16
from model.world import Precision, World
from services.environment import SettingsError
from services.generation.frames.action_predictor import MAX_DRAFT_ACTIONS
from services.generation.health import create_app
from services.generation.sessions.replica import Replica
from services.generation.sessions.world_listing import make_listing
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.worlds_served import ops_ports
from services.http_server.listener import listen
from services.http_server.server import OPS_LIMITS, OpsServer

log = logging.getLogger(__name__)


async def start_replica(
    settings: GenerationSettings, folder: Path, group: str
) -> tuple[Replica, OpsServer]:
    """A replica of the world in `folder`, warm and registered. Raises WorldError for a missing or
    damaged world, ValueError for a precision that the processor lacks and for more context than in
    training, SettingsError without a free port for operators, OSError for a taken frame port,
    RuntimeError when no encoder works, BackplaneError when Redis is away."""
    started = time.monotonic()
    world = World.load(folder)
    served = _in_chosen_precision(world, settings)
    max_joint = 1 if settings.speculation == "joint" else 0
    engine = WorldEngine(
        served,
        max_sessions=settings.most_slots,
        device=settings.device,
        max_drafts=MAX_DRAFT_ACTIONS,
        max_joint=max_joint,
        policy=_policy(settings, most=world.spec.nfd.window - 1 - max_joint),
        make_runner=runner_of(_paths(settings)),
    )
    replica = Replica(settings, world.spec, engine, make_listing(world), group)
    listener = _listen_to_operators(settings)
    # POST /drain answers when the sessions have left.
    limits = replace(OPS_LIMITS, answer_s=OPS_LIMITS.answer_s + settings.drain_s)
    ops = OpsServer(create_app(replica, settings.drain_token), limits)
    ops.start(listener)
    await replica.start()
    log.info(
        "world loaded and warm",
        extra={
            "world": world.spec.name,
            "precision": served.precision,
            "ops_port": listener.getsockname()[1],
            "s": round(time.monotonic() - started, 1),
        },
    )
    return replica, ops


def _listen_to_operators(settings: GenerationSettings) -> socket.socket:
    """Listens on the first port that no replica of another world on the machine has."""
    *others, last = ops_ports(settings)
    for port in others:
        with contextlib.suppress(SettingsError):
            return listen(settings.ops_host, port, f"{PREFIX}OPS_PORT")
    return listen(settings.ops_host, last, f"{PREFIX}OPS_PORT")


def _in_chosen_precision(world: World, settings: GenerationSettings) -> World:
    precision = _precision(settings)
    return in_bf16(world) if precision == "bf16" else in_precision(world, precision)


def _precision(settings: GenerationSettings) -> Precision:
    match settings.precision:
        case "auto" if settings.is_on_gpu:
            return "bf16"
        case "auto":
            return "fp32" if why_not_int8() else "int8"
        case "int8" | "bf16" as precision:
            return precision
        case _:
            return "fp32"


def _policy(settings: GenerationSettings, *, most: int) -> ContextPolicy:
    """`most`: context frames in training."""
    if not settings.sinks:
        return SlidingWindow(settings.context or most)
    newest = settings.context or most - settings.sinks
    return SinkWindow(num_sinks=settings.sinks, window=newest)


def _paths(settings: GenerationSettings) -> FastPaths | None:
    """None: the plain paths."""
    wanted = settings.wanted_paths
    if not wanted or not settings.is_on_gpu:
        return None
    folder = Path(settings.compile_cache) if settings.compile_cache else None
    return find_paths(settings.device, wanted=wanted, compile_cache=folder)
