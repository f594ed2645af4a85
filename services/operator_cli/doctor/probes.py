"""Looks at an installation: HTTP, STUN, the GPU's driver. Judges nothing."""

import secrets
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

import httpx

from services.operator_cli.client import Access, CallError
from services.operator_cli.doctor.findings import Seen, SeenServer, SeenService

PROBE_S = 3.0
STUN_BINDING, STUN_COOKIE = 0x0001, 0x2112A442
PORTS = {"stun": 3478, "turn": 3478, "turns": 5349, "stuns": 5349}
NEEDED = {"session", "ingest", "generation"}


def look(access: Access, services: Mapping[str, str]) -> Seen:
    """`services`: name -> URL of the port for operators."""
    probed = tuple(probe_service(name, url) for name, url in services.items())
    gpus = read_gpus()
    try:
        began_s = time.time()
        setup = access.get("setup")
        here_s = (began_s + time.time()) / 2
        return Seen(
            services=probed,
            setup=setup,
            status=access.get("status"),
            replicas=tuple(access.all("replicas", "replicas", at_most=10_000)),
            servers=tuple(map(probe_server, setup["ice_servers"])),
            gpus=gpus,
            clock_ahead_s=here_s - datetime.fromisoformat(setup["now"]).timestamp(),
        )
    except CallError as error:
        return Seen(services=probed, error=str(error), gpus=gpus)


def probe_service(name: str, url: str) -> SeenService:
    is_needed = name in NEEDED
    try:
        ready = httpx.get(f"{url}/readyz", timeout=PROBE_S)
        metrics = httpx.get(f"{url}/metrics", timeout=PROBE_S)
    except (httpx.HTTPError, httpx.InvalidURL):
        return SeenService(name=name, url=url, is_needed=is_needed, ready=0)
    return SeenService(
        name=name,
        url=url,
        is_needed=is_needed,
        ready=ready.status_code,
        reason=ready.text.strip()[:300],
        has_metrics=metrics.is_success and "nextframe" in metrics.text,
    )


def probe_server(url: str) -> SeenServer:
    """Asks over UDP with a STUN binding request, which TURN servers answer too; with TLS or TCP
    only connects."""
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    host, _, port = place.rpartition(":") if ":" in place.rpartition("]")[2] else (place, "", "")
    address = (host.strip("[]"), int(port) if port.isdigit() else PORTS.get(scheme, 3478))
    try:
        if scheme in ("turns", "stuns") or "tcp" in query:
            socket.create_connection(address, timeout=PROBE_S).close()
        else:
            _bind(address)
    except OSError as error:
        return SeenServer(url=url, error=str(error) or type(error).__name__)
    return SeenServer(url=url)


def _bind(address: tuple[str, int]) -> None:
    """Raises OSError, TimeoutError included."""
    transaction = secrets.token_bytes(12)
    [(family, *_, place), *_] = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PROBE_S)
        udp.connect(place)
        udp.send(struct.pack("!HHI", STUN_BINDING, 0, STUN_COOKIE) + transaction)
        ends_s = time.monotonic() + PROBE_S
        while time.monotonic() < ends_s:
            if udp.recv(2048)[8:20] == transaction:
                return
    raise TimeoutError("timed out")


def read_gpus() -> tuple[str, ...]:
    """Empty without NVIDIA's tool."""
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(_lines(answer.stdout)) if answer.returncode == 0 else ()


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip())
