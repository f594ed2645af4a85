"""GET /v1/worlds: encoded once per change, and 304 for a known ETag."""

import json
from dataclasses import replace

import pytest

from services.session.world_listing import WorldListing
from services.wire.world import WorldOffer, WorldStart

TOY = WorldOffer(
    name="toy",
    version="1",
    width=32,
    height=32,
    fps=20.0,
    buttons=("forward",),
    degrees_per_count=0.1,
    starts=(WorldStart(index=0, name="room", image="data:"),),
)


def test_it_is_made_once_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    dumps = json.dumps

    def counting(content: object) -> str:
        nonlocal made
        made += 1
        return dumps(content)

    monkeypatch.setattr("services.session.world_listing.json.dumps", counting)
    listing = WorldListing()
    answers = [listing.answer([replace(TOY)], "") for _ in range(20)]
    assert made == 1 and {answer.status_code for answer in answers} == {200}
    assert json.loads(bytes(answers[0].body))["worlds"][0]["starts"][0]["name"] == "room"
    changed = listing.answer([replace(TOY, version="2")], "")
    assert made == 2 and changed.headers["etag"] != answers[0].headers["etag"]


def test_who_has_it_gets_no_body() -> None:
    listing = WorldListing()
    first = listing.answer([TOY], "")
    assert first.headers["cache-control"] == "public, max-age=5"
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = listing.answer([TOY], known)
        assert (again.status_code, bytes(again.body)) == (304, b"")
        assert again.headers["etag"] == etag
    assert listing.answer([TOY], '"other"').status_code == 200
    assert listing.answer([], etag).status_code == 200
