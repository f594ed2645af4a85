"""Runs a service on free ports and compares the answers with the OpenAPI document."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import tests.services.openapi_hooks  # noqa: F401 - its import registers what it holds

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def service(name: str, **settings: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the URL of a running service and the document."""
    prefix = f"NEXTFRAME_{name.upper()}_"
    ours = {"PORT": str(free_port()), "OPS_PORT": str(free_port()), **settings}
    environment = {n if n.startswith("NEXTFRAME") else prefix + n: v for n, v in ours.items()}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"], env=os.environ | environment, stderr=log
        )
        try:
            ops = f"http://127.0.0.1:{ours['OPS_PORT']}"
            _wait(f"{ops}/readyz", process)
            yield f"http://127.0.0.1:{ours['PORT']}", httpx.get(f"{ops}/openapi.json").json()
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"{url} is not ready")


def hold_against_its_document(
    url: str,
    document: dict[str, Any],
    *,
    num_examples: int,
    headers: dict[str, str],
    path: dict[str, str],
) -> int:
    """Calls every operation with valid and invalid input; every second call uses known `headers`
    and `path` parameters. Returns the number of calls."""
    num_calls = 0
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @seed(1)
        @examples(
            max_examples=num_examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: schemathesis.Case[Any]) -> None:
            nonlocal num_calls
            num_calls += 1
            is_known = num_calls % 2 == 0
            if is_known:
                case.path_parameters = {
                    name: path.get(name, value) for name, value in case.path_parameters.items()
                }
            response = case.call(base_url=url, headers=headers if is_known else None)
            case.validate_response(response, checks=CHECKS)

        call()
    return num_calls
