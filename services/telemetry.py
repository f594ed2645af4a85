"""Logs, metrics and problem responses (RFC 9457) of every service.

Knows no service. Only this file imports OpenTelemetry; an instrument is created in the file of the
observation:

    FRAMES = meter.create_counter("nextframe_frames", description="frames sent to players")
"""

import json
import logging
import sys
import time
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

PROBLEM_TYPE = "urn:nextframe:problem:"
PROBLEM_JSON = "application/problem+json"
_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__)
_NO_FIELDS_OF_OURS = _STANDARD_FIELDS | {"message", "asctime", "color_message"}

# Observations before `setup_metrics` are dropped; instruments made before it work after it.
meter = metrics.get_meter("nextframe")


class JsonLines(logging.Formatter):
    """One event per line: a static message, with the values of `extra` as fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {k: v for k, v in record.__dict__.items() if k not in _NO_FIELDS_OF_OURS}
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str)


def setup_logging(service: str, *, level: int = logging.INFO) -> None:
    """Sends all logs of this process, including libraries, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def setup_metrics(service: str) -> None:
    """Must be called once per process, before the first observation."""
    reader = PrometheusMetricReader(scope_info_enabled=False)
    resource = Resource.create({"service.name": f"nextframe-{service}"})
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader], resource=resource))


class Problem(HTTPException):
    """An error response. `kind`: a stable slug; `detail`: what the caller can do."""

    def __init__(self, status: int, kind: str, detail: str, *, retry_after_s: int = 0) -> None:
        super().__init__(status, detail)
        self.status = status
        self.kind = kind
        self.retry_after_s = retry_after_s


def problem(status: int, kind: str, detail: str, *, retry_after_s: int = 0) -> JSONResponse:
    """Returns an RFC 9457 response: `application/problem+json`."""
    content: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.REQUEST_TIMEOUT:
        headers["Connection"] = "close"
    return JSONResponse(content, status, headers, media_type=PROBLEM_JSON)


def add_problem_answers(app: FastAPI) -> None:
    """Converts every error of `app` to a problem response; details of internal errors go to the log
    only."""

    @app.exception_handler(Problem)
    async def refused(request: Request, error: Problem) -> JSONResponse:
        return problem(error.status, error.kind, error.detail, retry_after_s=error.retry_after_s)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        answer = problem(error.status_code, kind, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> JSONResponse:
        # Starlette hands the exception on after this answer, so the server logs it.
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Our fault. Try again.")
