"""State shared by all attacks of one hostile client: targets, end time, rates and tally."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from loadtest.drills.plan import ATTACKER_ADDRESS, Order, Rates
from loadtest.drills.throttle import Throttle, ticks
from loadtest.public_api import check_target

PATIENCE_S = 10.0


class Tally:
    """Sent and received events by attack: {attack: {event: count}}."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, attack: str, event: str, count: int = 1) -> None:
        self.counts[attack][event] += count


@dataclass(slots=True, kw_only=True)
class AttackSession:
    """A session opened by the attacker."""

    session_id: str
    token: str
    whep_url: str
    actions_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackContext:
    """One attack; `until` is in seconds of `time.monotonic`."""

    order: Order
    api: "ApiClient"
    throttle: Throttle
    tally: Tally
    until: float

    @property
    def rates(self) -> Rates:
        return self.order.rates

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Returns (host, port) of both public ports."""
        return tuple(map(_host_and_port, (self.order.page_url, self.api.session_url)))

    def ticks(self, per_s: float, *, of_share: float = 1.0) -> AsyncIterator[None]:
        return ticks(per_s, throttle=self.throttle, until=self.until, of_share=of_share)


@dataclass(slots=True, kw_only=True)
class ApiClient:
    """The attacker's HTTP client: counts every answer, raises none. Calls this machine only."""

    page_url: str
    tally: Tally
    session_url: str = ""
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        check_target(self.page_url, allow_remote=False)
        transport = httpx.AsyncHTTPTransport(local_address=ATTACKER_ADDRESS)
        self.http = httpx.AsyncClient(transport=transport, timeout=PATIENCE_S)

    async def open(self) -> None:
        """Reads the address of the session service from the page's configuration."""
        answer = await self.http.get(urljoin(self.page_url, "/config.json"))
        self.session_url = check_target(
            str(answer.json()["session_url"]).rstrip("/"), allow_remote=False
        )

    async def call(
        self, attack: str, method: str, url: str, *, token: str = "", **request: Any
    ) -> httpx.Response | None:
        """Returns None without an answer; the tally holds the cause."""
        check_target(url, allow_remote=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= request.pop("headers", {})
        try:
            answer = await self.http.request(method, url, headers=headers, **request)
        except httpx.HTTPError as error:
            self.tally.add(attack, type(error).__name__)
            return None
        self.tally.add(attack, str(answer.status_code))
        return answer

    async def create(self, attack: str) -> AttackSession | None:
        answer = await self.call(attack, "POST", f"{self.session_url}/v1/sessions", json={})
        if answer is None or answer.is_error:
            return None
        made = answer.json()
        return AttackSession(
            session_id=made["id"],
            token=made["token"],
            whep_url=urljoin(self.page_url, made["whep_url"]),
            actions_url=urljoin(self.page_url, made["actions_url"]),
        )

    async def offer(self, attack: str, session: AttackSession, sdp: str) -> httpx.Response | None:
        headers = {"Content-Type": "application/sdp"}
        return await self.call(
            attack, "POST", session.whep_url, token=session.token, content=sdp, headers=headers
        )

    async def keep_token(self, session: AttackSession, every_s: float = 20.0) -> None:
        """Renews the token as often as the page does, until cancelled."""
        url = f"{self.session_url}/v1/sessions/{session.session_id}"
        while True:
            await asyncio.sleep(every_s)
            answer = await self.call("own sessions", "GET", url, token=session.token)
            if answer is not None and answer.is_success:
                session.token = answer.json()["token"]


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or 80
