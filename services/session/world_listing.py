"""The body of GET /v1/worlds as bytes, encoded once per change, because thumbnails make the body
large."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import BaseModel
from starlette.responses import Response

from services.wire.world import WorldOffer

MAX_AGE_S = 5  # replicas come and go


class Worlds(BaseModel):
    worlds: list[WorldOffer]


class WorldListing:
    """Keeps the newest listing and the ETag of the listing (RFC 9110, 8.8.3)."""

    def __init__(self) -> None:
        self._offers: Sequence[WorldOffer] | None = None
        self._body = b""
        self._etag = ""

    def answer(self, offers: Sequence[WorldOffer], if_none_match: str) -> Response:
        """Returns 200 with the listing, or 304 if the caller's ETag matches."""
        if offers != self._offers:
            self._body = json.dumps({"worlds": [asdict(offer) for offer in offers]}).encode()
            self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
            self._offers = offers
        headers = {"ETag": self._etag, "Cache-Control": f"public, max-age={MAX_AGE_S}"}
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if known & {self._etag, "*"}:
            return Response(status_code=304, headers=headers)
        return Response(self._body, headers=headers, media_type="application/json")
