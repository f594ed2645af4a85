"""Declares problem responses in a service's OpenAPI document: one schema, one media type per
status.

Replaces FastAPI's own schema of a 422, which no service returns.
"""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.telemetry import PROBLEM_JSON, PROBLEM_TYPE

PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. `type` is stable; `detail` says what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "pattern": f"^{PROBLEM_TYPE}[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    },
}

# Of every call: bad syntax, a page from elsewhere, too slow, too large, wrong, ours, Redis away.
ALWAYS = (400, 403, 408, 413, 422, 431, 500, 503)

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Returns a value for `responses=` of a router or a route."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"description": HTTPStatus(s).phrase, "content": content} for s in statuses}


def document_of(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version="1", routes=app.routes)
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    return document
