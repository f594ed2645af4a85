"""Logs, health and problem responses: one line per event, one form of refusal."""

import json
import logging

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from services.http_server.ops import create_ops_app
from services.telemetry import (
    JsonLines,
    Problem,
    add_problem_answers,
    meter,
    setup_metrics,
)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def test_a_log_record_is_one_line_with_its_fields() -> None:
    record = logging.makeLogRecord(
        {"name": "toy", "levelname": "INFO", "msg": "session\nopened", "session_id": "a"}
    )
    line = JsonLines("ingest").format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert event["message"] == "session\nopened"
    assert (event["service"], event["session_id"], event["level"]) == ("ingest", "a", "info")
    assert event["time"].startswith("1970-01-01T00:00:00") or event["time"].endswith("Z")


def test_a_logged_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    line = JsonLines("ingest").format(logging.makeLogRecord({"msg": "failed", "exc_info": trace}))
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["error"]


@pytest.mark.asyncio
async def test_metrics_carry_their_names_and_units() -> None:
    waits = meter.create_histogram("nextframe_toy_wait", unit="s", description="a wait")
    laughs = meter.create_counter("nextframe_toy_laughs")
    setup_metrics("toy")
    waits.record(0.25, {"stage": "queue"})
    laughs.add(2)

    async def why_not_ready() -> str:
        return ""

    async with client_of(create_ops_app(why_not_ready)) as client:
        text = (await client.get("/metrics")).text
    assert 'nextframe_toy_wait_seconds_sum{stage="queue"} 0.25' in text
    assert "nextframe_toy_laughs_total 2.0" in text


def refusing_app() -> FastAPI:
    app = FastAPI()
    add_problem_answers(app)

    @app.get("/full")
    async def full() -> None:
        raise Problem(429, "line-full", "The line is full.", retry_after_s=30)

    @app.get("/denied")
    async def denied() -> None:
        raise Problem(401, "token-invalid", "Send a token.")

    @app.get("/number/{n}")
    async def number(n: int) -> None: ...

    @app.get("/other")
    async def other() -> None:
        raise HTTPException(405, headers={"Allow": "GET"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    return app


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/full", 429, "line-full"),
        ("/denied", 401, "token-invalid"),
        ("/number/x", 422, "bad-request"),
        ("/other", 405, "method-not-allowed"),
        ("/nowhere", 404, "not-found"),
        ("/broken", 500, "internal"),
    ],
)
async def test_every_refusal_is_a_problem(path: str, status: int, kind: str) -> None:
    async with client_of(refusing_app()) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["type"] == f"urn:nextframe:problem:{kind}"
    assert content["status"] == status
    assert content["detail"] and content["title"]
    assert "hunter2" not in answer.text


@pytest.mark.asyncio
async def test_refusals_carry_the_headers_that_belong_to_them() -> None:
    async with client_of(refusing_app()) as client:
        assert (await client.get("/full")).headers["retry-after"] == "30"
        assert (await client.get("/denied")).headers["www-authenticate"] == "Bearer"
        assert (await client.get("/other")).headers["allow"] == "GET"
