"""The OpenAPI documents match the answers, and no valid or invalid call gets a 5xx.

CONTRIBUTING.md has the long form.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.backplane.connection import connect
from services.backplane.replicas import ReplicaRegistry
from services.tokens import Tokens
from services.wire.world import WorldOffer, WorldStart
from tests.services.openapi_kit import hold_against_its_document, service

SECRET = "s" * 32
NUM_EXAMPLES = 12
TOY = WorldOffer(
    name="toy",
    version="1",
    width=32,
    height=32,
    fps=20.0,
    buttons=("forward",),
    degrees_per_count=0.1,
    starts=(WorldStart(index=0, name="room", image=""),),
)


def refusals(document: dict[str, Any]) -> set[str]:
    return {
        media_type
        for calls in document["paths"].values()
        for call in calls.values()
        for status, answer in call["responses"].items()
        if status[0] in "45"
        for media_type in answer["content"]
    }


@pytest.mark.redis
def test_session_answers_what_its_document_says(redis_url: str) -> None:
    settings = {"NEXTFRAME_REDIS_URL": redis_url, "NEXTFRAME_TOKEN_SECRET": SECRET}
    with service("session", **settings, CREATIONS_PER_MINUTE="100000") as (url, document):
        assert refusals(document) == {"application/problem+json"}
        assert "HTTPValidationError" not in document["components"]["schemas"]
        publish(redis_url)
        session = httpx.post(f"{url}/v1/sessions").json()
        num_calls = hold_against_its_document(
            url,
            document,
            num_examples=NUM_EXAMPLES,
            headers={"Authorization": f"Bearer {session['token']}"},
            path={"session_id": session["id"]},
        )
    assert num_calls > 20


@pytest.mark.redis
def test_operators_calls_answer_what_the_document_says(redis_url: str) -> None:
    settings = {"NEXTFRAME_REDIS_URL": redis_url, "NEXTFRAME_TOKEN_SECRET": SECRET}
    with service("session", **settings, OPERATOR_TOKEN=SECRET) as (url, document):
        publish(redis_url)
        session = httpx.post(f"{url}/v1/sessions").json()
        document["paths"] = {
            path: calls for path, calls in document["paths"].items() if "/operator/" in path
        }
        assert refusals(document) == {"application/problem+json"}
        num_calls = hold_against_its_document(
            url,
            document,
            num_examples=NUM_EXAMPLES,
            headers={"Authorization": f"Bearer {SECRET}"},
            path={"session_id": session["id"]},
        )
    assert num_calls > 20


@pytest.mark.redis
def test_ingest_answers_what_its_document_says(redis_url: str) -> None:
    settings = {"NEXTFRAME_REDIS_URL": redis_url, "NEXTFRAME_TOKEN_SECRET": SECRET}
    with service("ingest", **settings, ICE_ADDRESS="127.0.0.1") as (url, document):
        assert refusals(document) == {"application/problem+json"}
        num_calls = hold_against_its_document(
            url,
            document,
            num_examples=NUM_EXAMPLES,
            headers={"Authorization": f"Bearer {Tokens(SECRET).mint('s1')}"},
            path={"session_id": "s1"},
        )
    assert num_calls > 20


@pytest.mark.redis
def test_training_answers_what_its_document_says(redis_url: str, tmp_path: Path) -> None:
    settings = {"NEXTFRAME_REDIS_URL": redis_url, "OPERATOR_TOKEN": SECRET, "DATA": str(tmp_path)}
    with service("training", **settings) as (url, document):
        assert refusals(document) == {"application/problem+json"}
        num_calls = hold_against_its_document(
            url,
            document,
            num_examples=NUM_EXAMPLES,
            headers={"Authorization": f"Bearer {SECRET}"},
            path={"run_id": "20260101-000000-abcdef"},
        )
    assert num_calls > 50


def publish(redis_url: str) -> None:
    import asyncio

    async def say() -> None:
        async with connect(redis_url) as redis:
            await ReplicaRegistry(redis).publish_world(TOY)

    asyncio.run(say())
