"""Ray Serve around the replica and the dispatcher. A live session is a long-running request.

Slots, back-pressure, health checks, restarts and autoscaling of Ray Serve then count sessions.
Frames and actions never pass through Ray. Import path: `services.generation.deployment:app`.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ray import serve
from ray.serve import Application, Deployment
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy
from ray.serve.handle import DeploymentHandle

from services.backplane.connection import connect
from services.environment import read_settings
from services.generation.scaling.serve_policy import POLICY
from services.generation.serve_stop import call_before_stop
from services.generation.sessions.dispatcher import Dispatcher
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.termination import TerminationWatch
from services.generation.worlds_served import find_worlds
from services.telemetry import setup_logging, setup_metrics

if TYPE_CHECKING:  # torch must not be imported before its threads are set
    from services.generation.sessions.replica import Replica
    from services.http_server.server import OpsServer

log = logging.getLogger(__name__)

GENERATOR = "Generator"
DISPATCHER = "Dispatcher"  # as in charts/nextframe
HEALTH_PERIOD_S = 1.0
HEALTH_TIMEOUT_S = 20.0  # longer than the renderer's STUCK_S
STOP_MARGIN_S = 10.0  # for the end of a replica after the drain


class Generator:
    """The actor of a replica: one engine, one device, one world."""

    async def __init__(self, folder: str, group: str) -> None:  # type: ignore[misc]  # awaited
        self._parts: tuple[Replica, OpsServer] | None = (
            None  # Serve also deletes an actor that failed to start
        )
        self._watch: TerminationWatch | None = None
        self._draining: asyncio.Task[bool] | None = None
        self._playing: set[asyncio.Task[None]] = set()
        settings = read_settings(GenerationSettings, PREFIX, os.environ)
        # torch reads both at its first import, just below. Ray sets one thread. Threads that spin
        # while waiting cost seconds a frame where a browser shares the cores.
        os.environ["OMP_NUM_THREADS"] = str(settings.num_threads)
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from services.generation.startup import start_replica

        setup_logging("generation")
        setup_metrics("generation")
        self._parts = await start_replica(settings, Path(folder), group)
        self._watch = TerminationWatch(self._terminate)
        call_before_stop(self._terminate)

    async def run_session(self, session_id: str) -> None:
        """The session goes on if the call is cancelled: Serve cancels every call of a dispatcher
        that ends, as in a redeployment."""
        assert self._parts is not None
        playing = asyncio.ensure_future(self._parts[0].run_session(session_id))
        self._playing.add(playing)  # the event loop alone would not keep it
        playing.add_done_callback(self._playing.discard)
        await asyncio.shield(playing)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Called by Serve where `max_replicas` is set; read by `scaling.serve_policy`."""
        assert self._parts is not None
        return await self._parts[0].scaling_figures()

    async def check_health(self) -> None:
        assert self._parts is not None
        await self._parts[0].check()

    def _terminate(self) -> None:
        """At SIGTERM or a stop by Serve: the process ends after the last running call."""
        assert self._parts is not None
        if self._draining is None:
            log.info("the replica is to end")
            self._draining = asyncio.get_running_loop().create_task(self._parts[0].drain())

    async def __del__(self) -> None:
        if self._watch is not None:
            self._watch.close()
        for part in self._parts or ():
            await part.stop()


class DispatcherActor:
    """The actor of the dispatcher."""

    def __init__(self, generators: dict[str, DeploymentHandle[Any]]) -> None:
        """`generators`: group -> handle of the deployment of one world."""
        settings = read_settings(GenerationSettings, PREFIX, os.environ)
        setup_logging("dispatcher")
        self._redis = connect(settings.redis)
        calls = {group: partial(_run_session, handle) for group, handle in generators.items()}
        self._dispatcher = Dispatcher(self._redis, calls)
        self._running = asyncio.get_running_loop().create_task(self._dispatcher.run())

    def check_health(self) -> None:
        if self._running.done():
            raise RuntimeError(f"the dispatcher has ended: {self._running.exception()!r}")

    async def __del__(self) -> None:
        self._dispatcher.stop()
        await self._running
        await self._redis.aclose()


async def _run_session(generator: DeploymentHandle[Any], session_id: str) -> None:
    await generator.run_session.remote(session_id)


def app(args: dict[str, str]) -> Application:
    """The application that Serve builds from the import path: a deployment of replicas for each
    world, and a dispatcher. Reads the environment of the Ray head; replica and dispatcher read
    their own environment again."""
    settings = read_settings(GenerationSettings, PREFIX, os.environ)
    worlds = find_worlds(settings.worlds)
    # Several clusters may share a Redis: each dispatcher counts the slots of its own replicas.
    cluster = uuid4().hex[:8]
    generators = {
        group: _generator(name, settings).bind(str(folder), group)
        for group, (name, folder) in zip(
            [f"{cluster}.{i}-" for i in range(len(worlds))], _named(worlds).items(), strict=True
        )
    }
    dispatching = serve.deployment(
        name=DISPATCHER,
        num_replicas=1,
        health_check_period_s=HEALTH_PERIOD_S,
        graceful_shutdown_timeout_s=STOP_MARGIN_S,
        ray_actor_options={"num_cpus": 0},
    )(DispatcherActor)
    return dispatching.bind(generators)


def _named(worlds: Sequence[Path]) -> dict[str, Path]:
    """Deployment name -> world folder. charts/nextframe makes the same names."""
    if len(worlds) == 1:
        return {GENERATOR: worlds[0]}
    return {f"{GENERATOR}-{world.name}": world for world in worlds}


def _generator(name: str, settings: GenerationSettings) -> Deployment:
    return serve.deployment(
        name=name,
        **_number_of_replicas(settings),
        max_ongoing_requests=settings.most_slots,
        health_check_period_s=HEALTH_PERIOD_S,
        health_check_timeout_s=HEALTH_TIMEOUT_S,
        graceful_shutdown_timeout_s=settings.drain_s + STOP_MARGIN_S,
        graceful_shutdown_wait_loop_s=0.5,
        ray_actor_options={"num_cpus": settings.num_cpus, "num_gpus": settings.num_gpus},
    )(Generator)


def _number_of_replicas(settings: GenerationSettings) -> dict[str, Any]:
    if not settings.max_replicas:
        return {"num_replicas": settings.min_replicas}
    rules = {
        "min_replicas": settings.min_replicas,
        "max_replicas": settings.max_replicas,
        "warm_slots": settings.warm_slots,
        "schedule": settings.schedule,
    }
    policy = AutoscalingPolicy(policy_function=POLICY, policy_kwargs=rules)  # type: ignore[no-untyped-call]
    config = AutoscalingConfig(
        min_replicas=settings.min_replicas,
        max_replicas=settings.max_replicas,
        upscale_delay_s=settings.scale_out_after_s,
        downscale_delay_s=settings.scale_in_after_s,
        policy=policy,
    )
    return {"autoscaling_config": config}
