"""Three services as processes: their OpenAPI documents, and the metrics that they show at once.

The generation service has no port for players and needs Ray; its metrics are in `metrics`.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from services.play.private_redis import PrivateRedis
from tests.services.openapi_kit import free_port
from tests.unchanged.comparison import Recording

SECRET = "s" * 32
TEXTS = ("description", "summary", "title")  # for people: recorded apart from the structure
_START_S = 120.0


def record() -> Recording:
    found: Recording = {}
    with (
        tempfile.TemporaryDirectory(prefix="nextframe-") as name,
        contextlib.closing(PrivateRedis(Path(name))) as redis,
    ):
        shared = {"NEXTFRAME_REDIS_URL": redis.url, "NEXTFRAME_TOKEN_SECRET": SECRET}
        training = {
            "NEXTFRAME_REDIS_URL": redis.url,
            "NEXTFRAME_TRAINING_OPERATOR_TOKEN": SECRET,
            "NEXTFRAME_TRAINING_DATA": f"{name}/data",
        }
        ingest = shared | {"NEXTFRAME_INGEST_ICE_ADDRESS": "127.0.0.1"}
        for service, environment in (
            ("session", shared), ("ingest", ingest), ("training", training)
        ):  # fmt: skip
            with _operators_port(service, environment) as url:
                document = httpx.get(f"{url}/openapi.json").raise_for_status().json()
                found |= {f"{service}/{key}": value for key, value in _parts(document).items()}
                text = httpx.get(f"{url}/metrics").raise_for_status().text
                found[f"{service}/metrics"] = sorted(_series(text))
    return found


@contextlib.contextmanager
def _operators_port(service: str, environment: dict[str, str]) -> Iterator[str]:
    """URL of the operators' port of a running service."""
    prefix, port, ops_port = f"NEXTFRAME_{service.upper()}_", free_port(), free_port()
    ports = {f"{prefix}PORT": str(port), f"{prefix}OPS_PORT": str(ops_port)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{service}"],
            env=os.environ | environment | ports,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{ops_port}"
            _wait_until_ready(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + _START_S
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{url} does not become ready (exit status {process.poll()})")


def _parts(document: dict[str, Any]) -> dict[str, Any]:
    """The document operation by operation and schema by schema, its texts apart."""
    calls = {
        f"{method.upper()} {path}": call
        for path, methods in document["paths"].items()
        for method, call in methods.items()
    }
    schemas = {
        f"schema {name}": schema for name, schema in document["components"]["schemas"].items()
    }
    parts = calls | schemas
    return {name: _without_texts(part) for name, part in parts.items()} | {
        "texts": {name: sorted(_texts_in(part)) for name, part in parts.items()}
    }


def _without_texts(part: Any) -> Any:
    match part:
        case dict():
            return {
                key: _without_texts(value)
                for key, value in part.items()
                if not (key in TEXTS and isinstance(value, str))
            }
        case list():
            return [_without_texts(item) for item in part]
    return part


def _texts_in(part: Any) -> Iterator[str]:
    match part:
        case dict():
            for key, value in part.items():
                if key in TEXTS and isinstance(value, str):
                    yield value
                else:
                    yield from _texts_in(value)
        case list():
            for item in part:
                yield from _texts_in(item)


def _series(text: str) -> Iterator[str]:
    """Metrics of ours with their labels, and their types; no values, no texts."""
    for line in text.splitlines():
        if re.match(r"(# TYPE )?nextframe_", line):
            yield line if line.startswith("#") else line.rsplit(" ", 1)[0]
