"""Settings of ingest: NEXTFRAME_INGEST_<FIELD>, read once at start."""

import ipaddress
from dataclasses import dataclass

from services.backplane.settings import RedisSettings
from services.environment import setting
from services.setting_kinds import ice_url, origin, proxy
from services.tokens import MIN_SECRET_CHARS

OWN_ADDRESSES = "host"
PREFIX = "NEXTFRAME_INGEST_"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings(RedisSettings):
    """`session_url`: address of the session service for the page. `page_url`: canonical address of
    the page, allowed by the other services; requests under another host name (localhost for
    127.0.0.1) are redirected. Empty: any host name.

    `allowed_origins`: further origins of pages that may connect; ingest's own page always may.
    `ice_servers`: STUN and TURN URLs; empty by default, so that gathering needs no network.
    `ice_secret`: as for the session service.
    `ice_address`: the only addresses to gather; `host` means this machine's addresses without
    loopback. `make play` gathers 127.0.0.1 and `host`, because Firefox sends nothing to loopback.
    `private_candidates`: whether to try private addresses offered by a browser; off on public
    hosts. `ops_host`, `ops_port`: probes, metrics and the OpenAPI document, for operators only.
    `max_connections`, `max_connections_per_address`: open HTTP connections.

    `trusted_proxies`: addresses with a trusted X-Forwarded-For header and without a connection
    limit; without the setting, all players behind a proxy share one address. `max_peers`: WebRTC
    connections of this process, a quarter for players only; one core carries about 16. `half_open`:
    offered but not yet connected peers; beyond the limit the oldest are closed. In a full process a
    player takes the place of a half-open peer or of the newest watcher.
    """

    host: str = setting("127.0.0.1")
    port: int = setting(8080, at_least=0, at_most=65535)
    ops_host: str = setting("127.0.0.1")
    ops_port: int = setting(8090, at_least=0, at_most=65535)
    max_connections: int = setting(512, at_least=16, at_most=65536)
    max_connections_per_address: int = setting(128, at_least=8, at_most=65536)
    token_secret: str = setting(
        env="NEXTFRAME_TOKEN_SECRET", min_chars=MIN_SECRET_CHARS, secret=True
    )
    session_url: str = setting("http://127.0.0.1:8081", parse=origin)
    page_url: str = setting("", parse=origin)
    allowed_origins: tuple[str, ...] = setting((), parse=origin)
    ice_servers: tuple[str, ...] = setting((), parse=ice_url)
    ice_username: str = setting("")
    ice_credential: str = setting("", secret=True)
    ice_secret: str = setting("", secret=True)
    ice_address: tuple[str, ...] = setting(())
    private_candidates: bool = setting(True)
    trusted_proxies: tuple[str, ...] = setting((), parse=proxy)
    max_peers: int = setting(16, at_least=1, at_most=1024)
    watchers_per_session: int = setting(4, at_least=0)
    watchers_per_address: int = setting(8, at_least=0)
    half_open_per_session: int = setting(2, at_least=1)
    half_open_per_address: int = setting(8, at_least=1)
    offers_per_minute: int = setting(30, at_least=1)  # for one session

    def __post_init__(self) -> None:
        RedisSettings.__post_init__(self)  # super() does not work in a class with slots
        if self.ice_secret and self.ice_credential:
            raise ValueError("give ice_secret, or ice_username and ice_credential, not both")
        for address in self.ice_address:
            if address != OWN_ADDRESSES and not is_ip_address(address):
                raise ValueError(f"ICE_ADDRESS takes IP addresses and `host`, got {address!r}")


def is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
