"""Settings of the session service: NEXTFRAME_SESSION_<FIELD>, read once at start."""

from dataclasses import dataclass

from services.backplane.settings import RedisSettings
from services.environment import setting
from services.setting_kinds import ice_url, origin, proxy
from services.tokens import MIN_SECRET_CHARS

MIN_TOKEN_CHARS = 32
PREFIX = "NEXTFRAME_SESSION_"
TOKEN_SECRET = "NEXTFRAME_TOKEN_SECRET"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings(RedisSettings):
    """`ingest_url`: address of ingest for players; pages of this origin may call the session
    service. `allowed_origins`: further origins. `default_world`: for requests without a world;
    empty means the first served world. `max_line`: maximum queued players per world.

    Limits per address, four times as high for a /48 of IPv6: `creations_per_minute`;
    `open_per_caller`, sessions waiting or playing (as many again may be paused);
    `saved_per_caller`, saved snapshots that have not expired. `polls_per_minute`: limit per
    session. `redis_budget_mb`: total memory of Redis; create and save are refused beyond the budget
    or beyond 80 % of maxmemory.

    `ice_servers`: STUN and TURN URLs for the players' browsers. `ice_secret`: shared with the TURN
    server (coturn's `static-auth-secret`); each session gets a login of its own that ends.
    `ice_username`, `ice_credential`: one login for all, which makes the server an open relay.
    `trusted_proxies`: addresses with a
    trusted X-Forwarded-For header and without a connection limit.

    `operator_token`: grants the calls of `/v1/operator`, which are not served while the token is
    empty. `public_url`: where operators' browsers find the session service; the operator's page
    has this origin.

    `ops_host`, `ops_port`: probes, metrics and the OpenAPI document, for operators only.
    `max_connections`, `max_connections_per_address`: open HTTP connections.
    """

    host: str = setting("127.0.0.1")
    port: int = setting(8081, at_least=0, at_most=65535)
    ops_host: str = setting("127.0.0.1")
    ops_port: int = setting(8091, at_least=0, at_most=65535)
    max_connections: int = setting(512, at_least=16, at_most=65536)
    max_connections_per_address: int = setting(128, at_least=8, at_most=65536)
    token_secret: str = setting(env=TOKEN_SECRET, min_chars=MIN_SECRET_CHARS, secret=True)
    ingest_url: str = setting("http://127.0.0.1:8080", parse=origin)
    allowed_origins: tuple[str, ...] = setting((), parse=origin)
    default_world: str = setting("")
    max_line: int = setting(32, at_least=1, at_most=10_000)
    max_session_minutes: float = setting(30.0, at_least=1, at_most=24 * 60)
    creations_per_minute: int = setting(12, at_least=1)
    open_per_caller: int = setting(3, at_least=1)
    saved_per_caller: int = setting(16, at_least=1)
    polls_per_minute: int = setting(240, at_least=1)
    redis_budget_mb: int = setting(256, at_least=1)
    operator_token: str = setting("", secret=True)
    public_url: str = setting("http://127.0.0.1:8081", parse=origin)
    ice_servers: tuple[str, ...] = setting((), parse=ice_url)
    ice_username: str = setting("")
    ice_credential: str = setting("", secret=True)
    ice_secret: str = setting("", secret=True)
    trusted_proxies: tuple[str, ...] = setting((), parse=proxy)

    def __post_init__(self) -> None:
        RedisSettings.__post_init__(self)  # super() does not work in a class with slots
        if self.ice_secret and self.ice_credential:
            raise ValueError("give ice_secret, or ice_username and ice_credential, not both")
        if self.operator_token and len(self.operator_token) < MIN_TOKEN_CHARS:
            raise ValueError(f"operator_token must have at least {MIN_TOKEN_CHARS} characters")

    @property
    def origins(self) -> tuple[str, ...]:
        """Returns all origins whose pages may call the session service."""
        operator = (self.public_url,) if self.operator_token else ()
        return (self.ingest_url, *self.allowed_origins, *operator)

    @property
    def redis_budget_bytes(self) -> int:
        return self.redis_budget_mb << 20

    @property
    def max_session_s(self) -> int:
        return round(self.max_session_minutes * 60)
