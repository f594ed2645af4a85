"""Play without a browser: create a session, connect by WebRTC, hold a key, count the frames."""

import argparse
import asyncio
import time
from urllib.parse import urljoin

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription

from services.wire.action import Action


async def play(page_url: str, world: str, seconds: float) -> int:
    """Returns the number of received frames. Raises httpx.HTTPStatusError after a refusal."""
    connection = RTCPeerConnection()
    video = connection.addTransceiver("video", direction="recvonly")
    actions = connection.createDataChannel("input", ordered=False, maxRetransmits=0)
    async with httpx.AsyncClient(headers={"Origin": page_url.rstrip("/")}) as http:
        api = (await http.get(urljoin(page_url, "config.json"))).json()["session_url"]
        made = await http.post(f"{api}/v1/sessions", json={"world": world})
        session = made.raise_for_status().json()
        token = {"Authorization": f"Bearer {session['token']}"}
        await connection.setLocalDescription(await connection.createOffer())
        answer = await http.post(
            urljoin(page_url, session["whep_url"]),
            content=connection.localDescription.sdp,
            headers=token | {"Content-Type": "application/sdp"},
        )
        sdp = RTCSessionDescription(answer.raise_for_status().text, "answer")
        await connection.setRemoteDescription(sdp)
        num_frames, ends_at = 0, time.monotonic() + seconds
        while time.monotonic() < ends_at:
            await asyncio.wait_for(video.receiver.track.recv(), timeout=20)
            num_frames += 1
            if actions.readyState == "open":  # the first button of the world, held
                actions.send(Action(held=1, seq=num_frames).to_bytes())
        await connection.close()
        await http.delete(f"{api}/v1/sessions/{session['id']}", headers=token)
    return num_frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080/", help="what `make play` prints")
    parser.add_argument("--world", default="freedoom")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    frames = asyncio.run(play(arguments.url, arguments.world, arguments.seconds))
    print(f"{frames} frames in {arguments.seconds:.0f} s")


if __name__ == "__main__":
    main()
