"""Signalling: an SDP offer by HTTP, shaped like WHEP with one extension (data channels).

    POST   /whep/{session_id}             the offer; 201, Location, the answer
    PATCH  {Location}                     further ICE candidates (trickle)
    DELETE {Location}                     the peer is done

The Location holds the peer's secret id and so needs no token: tokens admit, they do not last.
"""

from fastapi import APIRouter, Request, Response

from services.ingest.access import (
    check_content_type,
    check_origin,
    check_token,
    open_session,
    read_body,
)
from services.ingest.edge import Edge
from services.ingest.offer import read_candidates, read_offer
from services.ingest.peer import Peer
from services.ingest.room import Room
from services.telemetry import Problem

MAX_OFFER_BYTES = 64 * 1024
MAX_FRAGMENT_BYTES = 16 * 1024

router = APIRouter(prefix="/whep")


@router.post("/{session_id}", status_code=201)
async def offer(session_id: str, request: Request) -> Response:
    edge = edge_of(request)
    check_origin(request, edge.settings)
    check_content_type(request, "application/sdp")
    check_token(edge.tokens, request.headers.get("authorization"), session_id)
    body = await read_body(request, max_bytes=MAX_OFFER_BYTES)
    if wait_s := await edge.offers.take(session_id):
        raise Problem(429, "too-many-offers", "Offer less often.", retry_after_s=wait_s)
    record = await open_session(edge.store, session_id)
    offered = read_offer(body, edge.candidate_rule)
    edge.check_space()
    room = edge.room(record)
    peer = Peer(offered, room, edge.rtc)
    answer = await _settle(room, peer)
    location = f"{router.prefix}/{session_id}/{peer.id}"
    return Response(answer, 201, {"Location": location}, media_type="application/sdp")


async def _settle(room: Room, peer: Peer) -> str:
    """The answer to a peer that has its place; without an answer it loses it again."""
    try:
        await room.admit(peer)
        return await peer.answer()
    except BaseException:
        await room.dismiss(peer)
        await peer.close()
        raise


@router.patch("/{session_id}/{peer_id}", status_code=204)
async def trickle(session_id: str, peer_id: str, request: Request) -> Response:
    edge = edge_of(request)
    check_origin(request, edge.settings)
    check_content_type(request, "application/trickle-ice-sdpfrag")
    _, peer = _find(edge, session_id, peer_id)
    body = await read_body(request, max_bytes=MAX_FRAGMENT_BYTES)
    await peer.add_candidates(read_candidates(body, peer.offer, edge.candidate_rule))
    return Response(status_code=204)


@router.delete("/{session_id}/{peer_id}", status_code=204)
async def leave(session_id: str, peer_id: str, request: Request) -> Response:
    edge = edge_of(request)
    check_origin(request, edge.settings)
    room, peer = _find(edge, session_id, peer_id)
    await room.dismiss(peer)
    return Response(status_code=204)


def edge_of(request: Request) -> Edge:
    edge: Edge = request.app.state.edge
    return edge


def _find(edge: Edge, session_id: str, peer_id: str) -> tuple[Room, Peer]:
    room = edge.find(session_id)
    peer = room.peers.get(peer_id) if room else None
    if room is None or peer is None:
        raise Problem(404, "no-peer", "This connection is over. Send a new offer.")
    return room, peer
