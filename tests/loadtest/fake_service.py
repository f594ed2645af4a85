"""A small service with the public API: numbered frames, notes, and known stage times."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import uvicorn
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.wire.action import Action

FPS = 20.0
DENOISE_MS = 30.0
BUTTONS = ("forward", "back", "left", "right", "turn_left", "turn_right", "act")


class NumberedTrack(VideoStreamTrack):
    """One frame per period, DENOISE_MS after reading the newest action."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: tuple[int, float] = (0, 0.0)  # seq, when it came
        self.seen: tuple[int, float] = (0, 0.0)  # seq, how long it had waited, of the last frame
        self.frame_idx = -1
        self._started_at = time.monotonic()

    async def recv(self) -> VideoFrame:
        self.frame_idx += 1
        due = self._started_at + self.frame_idx / FPS
        await asyncio.sleep(due - time.monotonic())
        seq, came_at = self.newest
        self.seen = (seq, time.monotonic() - came_at if seq else 0.0)
        await asyncio.sleep(DENOISE_MS / 1000)
        frame = VideoFrame.from_ndarray(
            np.full((48, 64, 3), self.frame_idx % 256, dtype=np.uint8), format="rgb24"
        )
        frame.pts, frame.time_base = int(90_000 * self.frame_idx / FPS), Fraction(1, 90_000)
        return frame


class FakeService:
    """Answers 429 beyond `max_sessions` sessions; sends no video without `sends_video`."""

    def __init__(self, *, max_sessions: int = 8, sends_video: bool = True) -> None:
        self.max_sessions = max_sessions
        self.sends_video = sends_video
        self.whep_host = ""  # another host to send players to
        self.url = ""
        self.sessions: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, list[Action]] = {}
        self.frame_sent_at: dict[int, float] = {}  # RTP timestamp -> just before its last packet
        self.heartbeat = asyncio.Event()
        self.controls: list[RTCDataChannel] = []
        self.ended: list[str] = []
        self._status = "live" if sends_video else "queued"
        self._num_sent: dict[str, int] = {}  # session -> frames
        self._sent = asyncio.Condition()
        self._peers: dict[str, RTCPeerConnection] = {}
        self.app = self._routes()

    def end_all(self, reason: str) -> None:
        for control in self.controls:
            control.send(json.dumps({"type": "ending", "reason": reason}))

    async def until_sent(self, num_frames: int, *, players: int = 1) -> None:
        """Waits until `players` players were sent `num_frames` frames each."""
        async with self._sent:
            await self._sent.wait_for(
                lambda: (
                    len(self._num_sent) == players and min(self._num_sent.values()) >= num_frames
                )
            )

    async def close(self) -> None:
        for connection in self._peers.values():
            await connection.close()

    def _routes(self) -> FastAPI:
        app = FastAPI()

        @app.get("/config.json")
        async def config() -> dict[str, str]:
            return {"session_url": self.url}

        @app.get("/v1/worlds")
        async def worlds() -> dict[str, Any]:
            starts = [{"index": i, "name": str(i), "image": ""} for i in range(3)]
            offer = {"name": "numbers", "fps": FPS, "buttons": BUTTONS, "starts": starts}
            return {"worlds": [offer]}

        @app.post("/v1/sessions", status_code=201, response_model=None)
        async def create(request: Request) -> Response | dict[str, Any]:
            if len(self.sessions) >= self.max_sessions:
                return JSONResponse({"type": "full", "detail": "the line is full"}, 429)
            session_id = f"session-{len(self.sessions)}"
            self.sessions[session_id] = await request.json()
            return {
                "id": session_id,
                "token": f"token-{session_id}",
                "status": "live",
                "whep_url": f"{self.whep_host or self.url}/whep/{session_id}",
                "ice_servers": [],
            }

        @app.delete("/v1/sessions/{session_id}", status_code=204)
        async def end(session_id: str) -> None:
            self.ended.append(session_id)

        @app.post("/whep/{session_id}")
        async def whep(session_id: str, request: Request) -> Response:
            assert request.headers["Authorization"] == f"Bearer token-{session_id}"
            answer = await self._answer(session_id, (await request.body()).decode())
            headers = {"Location": f"/whep/{session_id}/peer"}
            return Response(answer, 201, headers, "application/sdp")

        @app.delete("/whep/{session_id}/peer", status_code=204)
        async def close_peer(session_id: str) -> None:
            await self._peers.pop(session_id).close()

        return app

    async def _answer(self, session_id: str, offer: str) -> str:
        connection = self._peers[session_id] = RTCPeerConnection()
        track = NumberedTrack()
        taken = self.actions[session_id] = []

        def on_channel(channel: RTCDataChannel) -> None:
            if channel.label == "input":
                channel.add_listener("message", on_action)
            elif channel.label == "control":
                self.controls.append(channel)
                channel.send(json.dumps({"type": "status", "status": self._status}))
                channel.add_listener("message", self._on_control)
            elif channel.label == "notes":
                self._send_notes(session_id, track, channel)

        def on_action(message: bytes) -> None:
            action = Action.from_bytes(message)
            taken.append(action)
            track.newest = (action.seq, time.monotonic())

        connection.add_listener("datachannel", on_channel)
        if self.sends_video:
            connection.addTrack(track)
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def _on_control(self, message: str) -> None:
        assert json.loads(message) == {"type": "heartbeat"}
        self.heartbeat.set()

    def _send_notes(self, session_id: str, track: NumberedTrack, notes: RTCDataChannel) -> None:
        """Read the RTP timestamps on their way out and send a note after each frame."""
        for sender in self._peers[session_id].getSenders():
            transport = sender.transport
            send: Callable[[bytes], Any] = transport._send_rtp

            async def send_and_note(data: bytes, send: Callable[[bytes], Any] = send) -> None:
                is_rtcp, is_last = 72 <= data[1] & 0x7F < 80, data[1] & 0x80
                rtp_timestamp = int.from_bytes(data[4:8], "big")
                if is_last and not is_rtcp:
                    self.frame_sent_at[rtp_timestamp] = time.monotonic()
                await send(data)
                if is_last and not is_rtcp:
                    notes.send(_note(track, rtp_timestamp))
                    async with self._sent:
                        self._num_sent[session_id] = self._num_sent.get(session_id, 0) + 1
                        self._sent.notify_all()

            setattr(transport, "_send_rtp", send_and_note)  # noqa: B010


def _note(track: NumberedTrack, rtp_timestamp: int) -> str:
    seq, waited_s = track.seen
    stage_ms = {
        "queue": 1000 * waited_s,
        "denoise": DENOISE_MS,
        "decode": 0.0,
        "encode": 0.0,
        "hop": 0.0,
    }
    return json.dumps(
        {
            "frame_idx": track.frame_idx,
            "action_seq": seq,
            "rtp_timestamp": rtp_timestamp,
            "stage_ms": stage_ms,
            "speculative": False,
            "steps": 2,
            "level": 0,
        }
    )


@asynccontextmanager
async def serving(fake: FakeService) -> AsyncIterator[FakeService]:
    """Serves `fake` over real HTTP on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(fake.app, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield fake
    finally:
        await fake.close()
        server.should_exit = True
        await running
