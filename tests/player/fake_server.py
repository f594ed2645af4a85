"""A fake of the whole system in one thread: HTTP, WebRTC and channels as the page sees them. Tests
control every queue, pause and failure. For page tests only."""

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import av
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Page

from services.telemetry import PROBLEM_TYPE
from services.wire.action import Action, ActionMerger
from tests.player.raycast_scene import RayCastScene, to_data_url, to_frame

PLAYER = Path(__file__).parents[2] / "services" / "ingest" / "player"
BUTTONS = ("forward", "back", "left", "right", "turn_left", "turn_right", "act")
STARTS = (("Copper wall", 20.0), ("Blue wall", 160.0), ("Pale wall", 250.0))
FPS = 17.5
CLOCK_RATE = 90_000
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass
class Guest:
    """One session: messages to the page and from the page."""

    session_id: str
    asked: dict[str, Any]
    token: str = "first"  # the newest that the page was given
    status: str = "live"
    position: int = 0
    eta_s: float | None = None
    reason: str = ""
    level: int = 0
    ended_by_page: bool = False
    has_disconnected: bool = False
    is_heard: bool = True  # whether its actions arrive
    num_resets: int = 0
    offer_tokens: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    scene: RayCastScene = field(default_factory=RayCastScene)
    merger: ActionMerger = field(default_factory=ActionMerger)
    actions: list[Action] = field(default_factory=list)
    connection: RTCPeerConnection | None = None
    control: Any = None
    notes: Any = None

    def take(self, message: bytes) -> None:
        if not self.is_heard:
            return
        action = Action.from_bytes(message)
        self.actions.append(action)
        self.merger.add(action)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePage:
    """A live page with the server's guest."""

    page: Page
    guest: Guest


class FakeServer:
    """Holds the guests; attributes are the switches of tests. Methods for the event loop run on the
    loop and wait."""

    def __init__(self) -> None:
        self.url = ""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.app = build_app(self)
        self.everybody: list[Guest] = []
        self.reset()

    def reset(self) -> None:
        self.guests: dict[str, Guest] = {}
        self.refuse: tuple[int, str, dict[str, str]] | None = None  # POST /v1/sessions answers this
        self.new_status = "live"
        self.are_heartbeats_answered = True
        self.has_worlds = True
        self.world: dict[str, Any] = {"buttons": BUTTONS, "degrees_per_count": 0.1, "keys": []}
        self.video = ["video/H264", "video/VP8"]
        self.ice_servers: list[dict[str, str]] = []
        self.takes_patches = True
        self.takes_tokens = True
        self.is_player_locked = False
        self.is_reachable = True  # whether packets find a way to it
        self.is_drawing = True
        self.num_polls = 0

    @property
    def guest(self) -> Guest:
        """Returns the newest session."""
        return list(self.guests.values())[-1]

    def send(self, **message: object) -> None:
        """Sends a message on the newest session's control channel."""
        self._on_loop(lambda: self.guest.control.send(json.dumps(message)))

    def receive(self, guest: Guest, message: str) -> None:
        """Handles a message of the page on `control`."""
        match json.loads(message):
            case {"type": "heartbeat"} if self.are_heartbeats_answered:
                guest.control.send('{"type":"heartbeat"}')
            case {"type": "reset"}:
                guest.num_resets += 1
                guest.scene = RayCastScene()
                guest.control.send('{"type":"reset"}')

    def cut(self) -> None:
        """Simulates a crash of ingest: closes the newest session's connection."""
        self._close([self.guest])

    def close(self) -> None:
        self._close(self.everybody)

    def _close(self, guests: list[Guest]) -> None:
        async def close_all() -> None:
            for guest in guests:
                if guest.connection:
                    await guest.connection.close()

        if self.loop:
            asyncio.run_coroutine_threadsafe(close_all(), self.loop).result(10)

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self.loop
        self.loop.call_soon_threadsafe(call)


class SceneTrack(MediaStreamTrack):
    """The scene at FPS; a note describes the previous frame, because its RTP timestamp is known by
    then."""

    kind = "video"

    def __init__(self, server: FakeServer, guest: Guest) -> None:
        super().__init__()
        self._server = server
        self.sender: Any = None
        self._guest = guest
        self._frame_idx = -1
        self._last_seq = 0
        self._began_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        loop = asyncio.get_running_loop()
        self._send_note_of_last_frame()
        self._frame_idx += 1
        if self._began_s is None:
            self._began_s = loop.time()
        await asyncio.sleep(max(0, self._began_s + self._frame_idx / FPS - loop.time()))
        while self._guest.status != "live" or not self._server.is_drawing:  # noqa: ASYNC110 - set by a test
            await asyncio.sleep(0.05)
        frame = to_frame(self._step())
        frame.pts = round(self._frame_idx * CLOCK_RATE / FPS)
        frame.time_base = Fraction(1, CLOCK_RATE)
        return frame

    def _step(self) -> Any:
        input = self._guest.merger.take()
        down = {name for bit, name in enumerate(BUTTONS) if (input.held | input.pressed) >> bit & 1}
        turn = ("turn_right" in down) - ("turn_left" in down)
        self._guest.scene.move(
            0.12 * (("forward" in down) - ("back" in down)),
            0.12 * (("right" in down) - ("left" in down)),
            4.0 * turn + 0.1 * input.dx,
        )
        self._last_seq = input.seq
        return self._guest.scene.draw(is_lit="act" in down)

    def _send_note_of_last_frame(self) -> None:
        notes = self._guest.notes
        if self._frame_idx < 0 or notes is None or notes.readyState != "open":
            return
        stage_ms = {"queue": 21.0, "denoise": 24.0, "decode": 4.5, "encode": 2.2, "hop": 0.4}
        note = {
            "frame_idx": self._frame_idx,
            "action_seq": self._last_seq,
            "rtp_timestamp": self.sender._RTCRtpSender__rtp_timestamp,
            "stage_ms": stage_ms,
            "speculative": self._frame_idx % 4 == 0,
            "steps": 2,
            "level": self._guest.level,
            "fps": FPS,
        }
        notes.send(json.dumps(note))


def build_app(server: FakeServer) -> FastAPI:
    app = FastAPI()
    starts = [
        {"index": i, "name": name, "image": to_data_url(RayCastScene(angle).draw())}
        for i, (name, angle) in enumerate(STARTS)
    ]

    @app.middleware("http")
    async def secure(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        return response

    @app.get("/config.json")
    async def config() -> dict[str, Any]:
        server.loop = asyncio.get_running_loop()
        return {"session_url": server.url, "video": server.video}

    @app.get("/v1/worlds")
    async def worlds() -> dict[str, Any]:
        world = {"name": "room", "version": "1", "width": 128, "height": 80, "fps": FPS}
        return {
            "worlds": [{**world, **server.world, "starts": starts}] if server.has_worlds else []
        }

    @app.post("/v1/sessions", status_code=201)
    async def create(request: Request, response: Response) -> Any:
        if server.refuse:
            status, detail, headers = server.refuse
            return _problem(status, "line-full", detail, headers)
        guest = Guest(secrets.token_hex(8), await request.json(), status=server.new_status)
        server.guests[guest.session_id] = guest
        server.everybody.append(guest)
        base = f"{server.url}/v1/sessions/{guest.session_id}"
        return {
            "id": guest.session_id,
            "token": guest.token,
            "status": guest.status,
            "whep_url": f"{server.url}/whep/{guest.session_id}",
            "actions_url": f"{base}/actions",
            "ice_servers": server.ice_servers,
            "world": "room",
            "expires_at": "2030-01-01T00:00:00Z",
        }

    @app.get("/v1/sessions/{session_id}")
    async def read(session_id: str) -> Any:
        server.num_polls += 1
        guest = server.guests.get(session_id)
        if guest is None:
            return _problem(404, "session-not-found", "This world is gone.")
        if not server.takes_tokens:
            return _problem(401, "token-invalid", "The token has expired.")
        status = {"status": guest.status, "position": guest.position, "eta_s": guest.eta_s}
        guest.token = secrets.token_hex(4)
        return {**status, "reason": guest.reason, "token": guest.token}

    @app.delete("/v1/sessions/{session_id}", status_code=204)
    async def end(session_id: str) -> None:
        server.guests[session_id].ended_by_page = True

    @app.post("/whep/{session_id}")
    async def offer(session_id: str, request: Request) -> Response:
        guest = server.guests[session_id]
        if server.is_player_locked:
            return _problem(409, "seat-taken", "Somebody plays this session.")
        guest.offer_tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        if guest.status == "paused":
            guest.status = "live"
        guest.offers.append((await request.body()).decode())
        sdp = await answer(server, guest, guest.offers[-1])
        if not server.is_reachable:
            sdp = "".join(line for line in sdp.splitlines(True) if "candidate:" not in line)
        headers = {"Location": f"/whep/{session_id}/peer"}
        return Response(sdp, 201, headers, "application/sdp")

    @app.patch("/whep/{session_id}/peer", status_code=204)
    async def trickle(session_id: str, request: Request) -> Response:
        server.guests[session_id].fragments.append((await request.body()).decode())
        return Response(status_code=204 if server.takes_patches else 405)

    @app.delete("/whep/{session_id}/peer", status_code=204)
    async def disconnect(session_id: str) -> None:
        guest = server.guests[session_id]
        guest.has_disconnected = True
        assert guest.connection
        await guest.connection.close()

    @app.websocket("/v1/sessions/{session_id}/actions")
    async def actions(socket: WebSocket, session_id: str) -> None:
        await socket.accept(subprotocol="nextframe")
        async for message in socket.iter_bytes():
            server.guests[session_id].take(message)

    app.mount("/", StaticFiles(directory=PLAYER, html=True))
    return app


async def answer(server: FakeServer, guest: Guest, offer: str) -> str:
    if guest.connection:
        await guest.connection.close()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    guest.connection = connection
    track = SceneTrack(server, guest)
    track.sender = connection.addTrack(track)

    @connection.on("datachannel")
    def _(channel: Any) -> None:
        if channel.label == "input":
            channel.on("message", guest.take)
        elif channel.label == "notes":
            guest.notes = channel
        else:
            guest.control = channel
            channel.on("message", lambda message: server.receive(guest, message))

    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


def _problem(
    status: int, kind: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    content = json.dumps({"type": PROBLEM_TYPE + kind, "status": status, "detail": detail})
    return Response(content, status, headers, "application/problem+json")


@contextmanager
def open_server() -> Iterator[FakeServer]:
    """Runs the server on a free port of 127.0.0.1 in a separate thread."""
    server = FakeServer()
    listener = socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    gather, aioice.ice.get_host_addresses = aioice.ice.get_host_addresses, _only_loopback
    web = uvicorn.Server(uvicorn.Config(server.app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        web.should_exit = True
        thread.join(10)
        aioice.ice.get_host_addresses = gather


def _only_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]
