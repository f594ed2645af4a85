"""The HTTP client of a player: the same requests as the page's.

Every address is checked before a request, including addresses returned by the services, because a
load test against a foreign machine is an attack.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx


class RefusedError(Exception):
    """The services refused a request or sent an invalid answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorld:
    """The part of a world listing that the scripted input needs."""

    name: str
    fps: float
    buttons: tuple[str, ...]
    num_starts: int


@dataclass(slots=True, kw_only=True)
class PlayerSession:
    """One session from the player's side; `PublicApi.refresh` renews the token."""

    session_id: str
    token: str
    place: int | None
    whep_url: str
    ice_servers: tuple[dict[str, Any], ...]


def check_target(url: str, *, allow_remote: bool) -> str:
    """Returns `url`. Raises ValueError unless `url` is http(s) and, by default, on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"an http:// or https:// address is needed, got {url!r}")
    if not allow_remote and not _is_loopback(parts.hostname):
        raise ValueError(f"{url} is not on this machine; see --allow-remote in --help")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class PublicApi:
    """The session and ingest services from a browser's side, starting at the page's address.
    `local_address`: source address of the requests, an address of this machine; None for any."""

    def __init__(
        self, page_url: str, *, allow_remote: bool, local_address: str | None = None
    ) -> None:
        self._allow_remote = allow_remote
        self._page_url = check_target(page_url, allow_remote=allow_remote)
        self._session_url = ""
        origin = urlsplit(page_url)
        self._http = httpx.AsyncClient(
            headers={"Origin": f"{origin.scheme}://{origin.netloc}"},
            timeout=httpx.Timeout(20.0),
            transport=httpx.AsyncHTTPTransport(
                limits=httpx.Limits(max_connections=None), local_address=local_address
            ),
            trust_env=False,  # a proxy from the environment would be one more remote target
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def open_page(self) -> None:
        """Reads the address of the session service, as the page does."""
        with _as_refusal("opening the page"):
            config = (await self._call("GET", urljoin(self._page_url, "/config.json"))).json()
            self._session_url = str(config["session_url"]).rstrip("/")

    async def worlds(self) -> list[ListedWorld]:
        with _as_refusal("asking for the worlds"):
            answer = await self._call("GET", f"{self._session_url}/v1/worlds")
            return [
                ListedWorld(
                    name=str(offer["name"]),
                    fps=float(offer["fps"]),
                    buttons=tuple(map(str, offer["buttons"])),
                    num_starts=len(offer["starts"]),
                )
                for offer in answer.json()["worlds"]
            ]

    async def create_session(self, *, world: str, start: int, seed: int) -> PlayerSession:
        request = {"world": world, "start": start, "seed": seed}
        with _as_refusal("asking for a session"):
            made = (
                await self._call("POST", f"{self._session_url}/v1/sessions", json=request)
            ).json()
            return PlayerSession(
                session_id=str(made["id"]),
                token=str(made["token"]),
                place=made.get("position"),
                whep_url=urljoin(self._page_url, made["whep_url"]),
                ice_servers=tuple(made["ice_servers"]),
            )

    async def refresh(self, session: PlayerSession) -> None:
        """Renews the token; the poll also marks the player as present."""
        with _as_refusal("asking after the session"):
            answer = await self._call("GET", self._path(session), token=session.token)
            session.token = str(answer.json()["token"])

    async def offer(self, session: PlayerSession, sdp: str) -> tuple[str, str]:
        """Returns (SDP answer, address of the peer)."""
        with _as_refusal("offering WebRTC"):
            answer = await self._call(
                "POST",
                session.whep_url,
                token=session.token,
                content=sdp,
                headers={"Content-Type": "application/sdp"},
            )
            return answer.text, urljoin(session.whep_url, answer.headers["Location"])

    async def close_peer(self, session: PlayerSession, peer_url: str) -> None:
        with _as_refusal("closing the peer"):
            await self._call("DELETE", peer_url, token=session.token)

    async def end_session(self, session: PlayerSession) -> None:
        with _as_refusal("ending the session"):
            await self._call("DELETE", self._path(session), token=session.token)

    def _path(self, session: PlayerSession) -> str:
        return f"{self._session_url}/v1/sessions/{session.session_id}"

    async def _call(
        self, method: str, url: str, *, token: str = "", **kwargs: Any
    ) -> httpx.Response:
        check_target(url, allow_remote=self._allow_remote)
        headers = kwargs.pop("headers", {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = await self._http.request(method, url, headers=headers, **kwargs)
        if answer.is_error:
            raise RefusedError(f"{answer.status_code} {_detail(answer)}")
        return answer


@contextmanager
def _as_refusal(doing: str) -> Iterator[None]:
    """One exception for all that can go wrong with a call, saying what was being done.

    PlayerSession ids stay out of it: reports are shown around.
    """
    try:
        yield
    except httpx.HTTPError as error:
        raise RefusedError(f"{doing}: {type(error).__name__} {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"{doing}: the answer is not usable ({error!r})") from error
    except RefusedError as error:
        raise RefusedError(f"{doing}: {error}") from error


def _detail(answer: httpx.Response) -> str:
    """What a problem answer says to do, else the start of its text."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
