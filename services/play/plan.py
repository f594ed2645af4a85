"""The plan of a local stack: processes, ports and variables. Made before the start, without I/O."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
SHIPPED_WORLDS = ROOT / "model" / "worlds"
# The page's first world: after ten seconds of play the island is still crisp and obeys; the room of
# `freedoom` has become another room (training/LOG.md).
FIRST_WORLD = "island"


def shipped_worlds() -> tuple[Path, ...]:
    """Returns the folders of the shipped worlds, ordered by name."""
    return tuple(sorted(manifest.parent for manifest in SHIPPED_WORLDS.glob("*/world.json")))


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """`host`: the address for players' browsers; with a host other than the default, everybody with
    access to the ports can play. `port`: the page's port. Port 0 means any free port; None disables
    the service. `generation_port` and `..._ops_port`: probes and metrics of a service; each further
    world has the next port. `canary_world`: another version of a world, served beside the first."""

    host: str = HOST
    port: int = 8080
    session_port: int = 8081
    generation_port: int = 8082
    worlds: tuple[Path, ...] = field(default_factory=shipped_worlds)
    log_folder: Path = ROOT / "build" / "play"
    canary_world: Path | None = None
    canary_port: int | None = None
    training_port: int | None = None
    ingest_ops_port: int = 0
    session_ops_port: int = 0
    training_ops_port: int = 0
    operator_token: str = ""  # of the session service and the training service

    @property
    def is_local(self) -> bool:
        """Returns whether only browsers on this machine can play."""
        return self.host in (HOST, "localhost")

    @property
    def listen_host(self) -> str:
        """Returns the listen address of the page and of the session service."""
        return HOST if self.is_local else "0.0.0.0"

    @property
    def page_origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def session_origin(self) -> str:
        return f"http://{self.host}:{self.session_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """One service. `env`: fixed variables. `defaults`: variables that the caller's environment may
    override. `what`: text of the wait message. `num_ports`: number of ports with a /readyz, from
    `port` on."""

    name: str
    command: tuple[str, ...]
    port: int  # where /readyz is
    env: Mapping[str, str]
    what: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    num_ports: int = 1

    @property
    def ports(self) -> range:
        return range(self.port, self.port + self.num_ports)

    def environment(self, callers: Mapping[str, str]) -> dict[str, str]:
        """Returns all variables of the process, based on the environment `callers` of the starting
        process."""
        return {**self.defaults, **callers, **self.env}


def plan_services(
    options: StackOptions, *, redis_url: str, token_secret: str
) -> tuple[ServicePlan, ...]:
    """Returns the services in start order, slowest first. All ports must be assigned."""
    redis = {"NEXTFRAME_REDIS_URL": redis_url}
    redis |= {"NEXTFRAME_REDIS_USER": "", "NEXTFRAME_REDIS_PASSWORD": ""}  # not the caller's
    plans = [_generation("generation", redis, options.worlds, options.generation_port)]
    if options.canary_world is not None and options.canary_port is not None:
        plans.append(_generation("canary", redis, (options.canary_world,), options.canary_port))
    plans += _ingest(options, redis, token_secret)
    if options.training_port is not None:
        plans.append(_training(options, redis, options.training_port))
    return tuple(plans)


def _generation(
    name: str, redis: Mapping[str, str], worlds: Sequence[Path], port: int
) -> ServicePlan:
    return ServicePlan(
        name=name,
        command=(sys.executable, "-m", "services.generation"),
        port=port,
        num_ports=len(worlds),
        env={
            **redis,
            "NEXTFRAME_GENERATION_OPS_HOST": HOST,
            "NEXTFRAME_GENERATION_OPS_PORT": str(port),
            "NEXTFRAME_GENERATION_WORLD": ",".join(map(str, worlds)),
        },
        defaults={
            "RAY_USAGE_STATS_ENABLED": "0",
            # The other cores are for the browser and ingest. Threads that wait for each
            # other on a busy core cost far more than they bring.
            "NEXTFRAME_GENERATION_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
            # A third quicker at least, and nothing that we measure is worse (docs/performance.md).
            "NEXTFRAME_GENERATION_PRECISION": "auto",
            # A friend may join, at a lower quality where the machine is small.
            "NEXTFRAME_GENERATION_MIN_SLOTS": "4",
        },
        what="Ray starts, the world warms up",
    )


def _first_world(worlds: Sequence[Path]) -> dict[str, str]:
    if SHIPPED_WORLDS / FIRST_WORLD not in worlds:
        return {}
    return {"NEXTFRAME_SESSION_DEFAULT_WORLD": FIRST_WORLD}


def _training(options: StackOptions, redis: Mapping[str, str], port: int) -> ServicePlan:
    return ServicePlan(
        name="training",
        command=(sys.executable, "-m", "services.training"),
        port=options.training_ops_port,
        env={
            **redis,
            "NEXTFRAME_TRAINING_HOST": HOST,
            "NEXTFRAME_TRAINING_PORT": str(port),
            "NEXTFRAME_TRAINING_OPS_HOST": HOST,
            "NEXTFRAME_TRAINING_OPS_PORT": str(options.training_ops_port),
            "NEXTFRAME_TRAINING_PUBLIC_URL": f"http://{HOST}:{port}",
            "NEXTFRAME_TRAINING_OPERATOR_TOKEN": options.operator_token,
            "NEXTFRAME_TRAINING_JOBS_OUTLIVE": "false",  # what we started ends with us
        },
        what="finds its runs again",
    )


def _ingest(
    options: StackOptions, redis: Mapping[str, str], token_secret: str
) -> tuple[ServicePlan, ...]:
    tokens = {"NEXTFRAME_TOKEN_SECRET": token_secret}
    page_url, session_url = options.page_origin, options.session_origin
    # Firefox sends no media to a loopback address, only to the machine's others.
    ice_address = f"{HOST},host" if options.is_local else "host"
    return (
        ServicePlan(
            name="session",
            command=(sys.executable, "-m", "services.session"),
            port=options.session_ops_port,
            env={
                **redis,
                **tokens,
                "NEXTFRAME_SESSION_HOST": options.listen_host,
                "NEXTFRAME_SESSION_PORT": str(options.session_port),
                "NEXTFRAME_SESSION_OPS_HOST": HOST,
                "NEXTFRAME_SESSION_OPS_PORT": str(options.session_ops_port),
                "NEXTFRAME_SESSION_INGEST_URL": page_url,
                "NEXTFRAME_SESSION_OPERATOR_TOKEN": options.operator_token,
                "NEXTFRAME_SESSION_PUBLIC_URL": session_url,
            },
            # Everybody here is one address, and nobody else waits for the place.
            defaults={
                **_first_world(options.worlds),
                "NEXTFRAME_SESSION_CREATIONS_PER_MINUTE": "600",
                "NEXTFRAME_SESSION_OPEN_PER_CALLER": "200",
                "NEXTFRAME_SESSION_SAVED_PER_CALLER": "200",
                "NEXTFRAME_SESSION_MAX_SESSION_MINUTES": "1440",
            },
            what="opens and ends sessions",
        ),
        ServicePlan(
            name="ingest",
            command=(sys.executable, "-m", "services.ingest"),
            port=options.ingest_ops_port,
            env={
                **redis,
                **tokens,
                "NEXTFRAME_INGEST_HOST": options.listen_host,
                "NEXTFRAME_INGEST_PORT": str(options.port),
                "NEXTFRAME_INGEST_OPS_HOST": HOST,
                "NEXTFRAME_INGEST_OPS_PORT": str(options.ingest_ops_port),
                "NEXTFRAME_INGEST_SESSION_URL": session_url,
                "NEXTFRAME_INGEST_PAGE_URL": page_url,
            },
            defaults={
                "NEXTFRAME_INGEST_ICE_ADDRESS": ice_address,
                "NEXTFRAME_INGEST_MAX_PEERS": "64",
                "NEXTFRAME_INGEST_WATCHERS_PER_ADDRESS": "64",
                "NEXTFRAME_INGEST_HALF_OPEN_PER_ADDRESS": "64",
            },
            what="the page and its video",
        ),
    )
