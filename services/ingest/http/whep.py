"""Signalling: an SDP offer over HTTP in the form of WHEP, with data channels as an extension.

    POST   /whep/{session_id}             the offer; 201, Location, the answer
    PATCH  {Location}                     further ICE candidates (trickle)
    DELETE {Location}                     closes the peer

The Location contains the peer's secret id and needs no token. A token admits a new peer only.
"""

import secrets
import time
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request, Response

from services.backplane.connection import BackplaneError
from services.callers import Caller, caller_of
from services.ingest.http.access import (
    check_content_type,
    check_origin,
    check_token,
    open_session,
    read_body,
)
from services.ingest.http.ice_links import add_ice_links
from services.ingest.ingest import Ingest
from services.ingest.session_hub import SessionHub
from services.ingest.webrtc.offer import Offer, read_candidates, read_offer
from services.ingest.webrtc.peer import Peer
from services.ingest.webrtc.places import Place
from services.openapi import ALWAYS, problems
from services.telemetry import Problem
from services.wire.codec import VideoCodec
from services.wire.session import SessionRecord

MAX_OFFER_BYTES = 64 * 1024
MAX_FRAGMENT_BYTES = 16 * 1024
NO_COMMON_CODEC = (
    "Offer H.264 (constrained baseline, packetization-mode=1) or VP8 for the video:"
    " this browser offers neither."
)
OTHER_CODEC = "The player of this session decodes {}: offer that, or watch with another browser."
ICE_SESSION = '"1"'  # the ETag: a peer has one ICE session, which is never restarted
PLAYER_LOCKED = "Somebody plays this session. To watch it, offer without data channels."

router = APIRouter(prefix="/whep", responses=problems(*ALWAYS, 404, 415, 429))


class SdpAnswer(Response):
    media_type = "application/sdp"


def _takes(content_type: str) -> dict[str, Any]:
    """What the OpenAPI document says of a body that the route reads by itself."""
    content = {content_type: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/{session_id}",
    status_code=201,
    response_class=SdpAnswer,
    responses=problems(401, 406, 409),
    openapi_extra=_takes("application/sdp"),
)
@router.post("/{session_id}/", status_code=201, include_in_schema=False)
async def offer(session_id: str, request: Request) -> Response:
    ingest = ingest_of(request)
    check_origin(request, ingest.settings)
    check_content_type(request, "application/sdp")
    check_token(ingest.tokens, request.headers.get("authorization"), session_id)
    body = await read_body(request, max_bytes=MAX_OFFER_BYTES)
    if wait_s := await ingest.offers.take(session_id):
        detail = f"Too many offers for this session. Try again in {wait_s} s."
        raise Problem(429, "too-many-offers", detail, retry_after_s=wait_s)
    record = await open_session(ingest.store, session_id)
    offered = read_offer(body, ingest.candidate_rule)
    codec = choose_codec(offered, record)
    peer_id, caller = secrets.token_urlsafe(18), _caller(request)
    ingest.make_place(  # before the player lock is taken for nothing
        Place(
            peer_id=peer_id,
            session_id=session_id,
            caller=caller,
            is_player=offered.is_player,
            is_half_open=True,
            since_s=time.monotonic(),
        )
    )
    if offered.is_player and not await ingest.player_lock.take(session_id, peer_id):
        raise Problem(409, "seat-taken", PLAYER_LOCKED)
    if offered.is_player and codec is not record.codec:
        await ingest.store.set_codec(session_id, codec)
    hub = ingest.hub(record)
    hub.poll_soon()
    peer = Peer(peer_id, offered, hub, ingest.rtc_for(hub.session_id), codec=codec, caller=caller)
    answer = await _settle(ingest, hub, peer)
    location = f"{router.prefix}/{session_id}/{peer.id}"
    response = SdpAnswer(answer, 201, {"Location": location, "ETag": ICE_SESSION})
    add_ice_links(response, ingest.rtc_for(session_id))
    return response


def choose_codec(offer: Offer, record: SessionRecord) -> VideoCodec:
    """Returns the session's codec: a player's browser sets the codec, a watcher must support the
    current codec.

    Raises Problem 406 with type `no-common-codec` or, for a watcher only, `other-codec`.
    """
    if not offer.codecs:
        raise Problem(406, "no-common-codec", NO_COMMON_CODEC)
    if offer.is_player:
        return offer.codecs[0]
    if record.codec not in offer.codecs:
        raise Problem(406, "other-codec", OTHER_CODEC.format(record.codec.mime_type))
    return record.codec


async def _settle(ingest: Ingest, hub: SessionHub, peer: Peer) -> str:
    """The answer to a peer that gets its place; without an answer it loses it again."""
    try:
        await ingest.admit(hub, peer)
        return await peer.answer()
    except BaseException:
        await hub.peers.dismiss(peer)
        if peer.is_player:  # where it was never admitted
            with suppress(BackplaneError):
                await ingest.player_lock.release(hub.session_id, peer.id)
        await peer.close()
        raise


@router.patch(
    "/{session_id}/{peer_id}",
    status_code=204,
    responses=problems(412),
    openapi_extra=_takes("application/trickle-ice-sdpfrag"),
)
async def trickle(session_id: str, peer_id: str, request: Request) -> Response:
    ingest = ingest_of(request)
    check_origin(request, ingest.settings)
    check_content_type(request, "application/trickle-ice-sdpfrag")
    peer = ingest.peer(session_id, peer_id)
    if peer is None:
        raise no_peer()
    given = request.headers.get("if-match", "*")
    if not {"*", ICE_SESSION} & {tag.strip() for tag in given.split(",")}:  # RFC 9110, 13.1.1
        raise Problem(412, "another-ice-session", "If-Match names another ICE session.")
    body = await read_body(request, max_bytes=MAX_FRAGMENT_BYTES)
    await peer.add_candidates(read_candidates(body, peer.offer, ingest.candidate_rule))
    return Response(status_code=204)


@router.delete("/{session_id}/{peer_id}", status_code=204)
async def leave(session_id: str, peer_id: str, request: Request) -> Response:
    ingest = ingest_of(request)
    check_origin(request, ingest.settings)
    hub, peer = ingest.find(session_id), ingest.peer(session_id, peer_id)
    if hub is not None and peer is not None:
        await hub.peers.dismiss(peer)
    elif not await ingest.player_lock.release(
        session_id, peer_id
    ):  # it may be at another ingest process
        raise no_peer()
    return Response(status_code=204)


def ingest_of(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


def _caller(request: Request) -> Caller:
    return caller_of(request.client.host if request.client else "")


def no_peer() -> Problem:
    return Problem(404, "no-peer", "This connection is over. Send a new offer.")
