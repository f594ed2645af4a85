"""ICE servers as `Link` headers (RFC 9725, 4.6)."""

from aiortc import RTCConfiguration
from fastapi import Response


def add_ice_links(response: Response, rtc: RTCConfiguration) -> None:
    for server in rtc.iceServers or ():
        link = f'<{server.urls}>; rel="ice-server"'
        if str(server.urls).startswith("turn") and server.username:
            link += f'; username="{_quoted(server.username)}"'
            link += f'; credential="{_quoted(server.credential or "")}"; credential-type="password"'
        response.headers.append("Link", link)


def _quoted(text: str) -> str:
    """Inside a quoted string (RFC 9110, 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
