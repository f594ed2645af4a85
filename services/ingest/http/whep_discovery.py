"""WHEP discovery (draft-ietf-wish-whep, RFC 9725): methods, body types and ICE servers of an
address. Changes nothing.

    OPTIONS, GET, HEAD  /whep/{session_id}    204, Accept-Post, Allow; with a token also Link
    OPTIONS, GET, HEAD  {Location}            204, Allow; 404 when the connection is over
    any other method                          405 with Allow
"""

from fastapi import APIRouter, HTTPException, Request, Response

from services.ingest.http.access import check_origin, check_token
from services.ingest.http.ice_links import add_ice_links
from services.ingest.http.whep import ingest_of, no_peer
from services.openapi import ALWAYS, problems

ENDPOINT_ALLOWS = "GET, HEAD, OPTIONS, POST"
RESOURCE_ALLOWS = "DELETE, GET, HEAD, OPTIONS, PATCH"
_ASKS = ("OPTIONS", "GET", "HEAD")
_METHODS = (*_ASKS, "DELETE", "PATCH", "POST", "PUT", "TRACE", "CONNECT")

router = APIRouter(prefix="/whep", responses=problems(*ALWAYS))


async def ask_endpoint(session_id: str, request: Request) -> Response:
    ingest = ingest_of(request)
    check_origin(request, ingest.settings)
    response = Response(None, 204, {"Accept-Post": "application/sdp", "Allow": ENDPOINT_ALLOWS})
    authorization = request.headers.get("authorization")
    if authorization is not None:  # a TURN server's password is for players only
        check_token(ingest.tokens, authorization, session_id)
        add_ice_links(response, ingest.rtc_for(session_id))
    return response


async def ask_resource(session_id: str, peer_id: str, request: Request) -> Response:
    ingest = ingest_of(request)
    check_origin(request, ingest.settings)
    if ingest.peer(session_id, peer_id) is None:
        raise no_peer()
    return Response(None, 204, {"Allow": RESOURCE_ALLOWS})


async def refuse_at_endpoint(session_id: str) -> Response:
    raise HTTPException(405, f"Use {ENDPOINT_ALLOWS}.", {"Allow": ENDPOINT_ALLOWS})


async def refuse_at_resource(session_id: str, peer_id: str) -> Response:
    raise HTTPException(405, f"Use {RESOURCE_ALLOWS}.", {"Allow": RESOURCE_ALLOWS})


def _others(allows: str) -> list[str]:
    return [method for method in _METHODS if method not in allows.split(", ")]


for _method in _ASKS:
    router.add_api_route(
        "/{session_id}",
        ask_endpoint,
        methods=[_method],
        status_code=204,
        operation_id=f"ask_endpoint_{_method.lower()}",
        responses=problems(401),
    )
    router.add_api_route(
        "/{session_id}/{peer_id}",
        ask_resource,
        methods=[_method],
        status_code=204,
        operation_id=f"ask_resource_{_method.lower()}",
        responses=problems(404),
    )
for _path in ("/{session_id}", "/{session_id}/"):
    router.add_api_route(
        _path, refuse_at_endpoint, methods=_others(ENDPOINT_ALLOWS), include_in_schema=False
    )
router.add_api_route(
    "/{session_id}/", ask_endpoint, methods=list(_ASKS), status_code=204, include_in_schema=False
)
router.add_api_route(
    "/{session_id}/{peer_id}",
    refuse_at_resource,
    methods=_others(RESOURCE_ALLOWS),
    include_in_schema=False,
)
