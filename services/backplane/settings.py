"""Redis settings, shared by all services that use Redis."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from services.environment import setting
from services.setting_kinds import redis_url


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """`redis_url`: address of the primary; the number in the path is the database. Two
    installations on one server must not share a database. `redis_user`, `redis_password`: any
    characters, unescaped; an alternative to credentials in the URL, where percent-encoding is
    required."""

    redis_url: str = setting(env="NEXTFRAME_REDIS_URL", secret=True, parse=redis_url)
    redis_user: str = setting("", env="NEXTFRAME_REDIS_USER")
    redis_password: str = setting("", env="NEXTFRAME_REDIS_PASSWORD", secret=True)

    def __post_init__(self) -> None:
        if self._has_login and "@" in urlsplit(self.redis_url).netloc:
            raise ValueError(
                "give user and password either in NEXTFRAME_REDIS_URL or in NEXTFRAME_REDIS_USER "
                "and NEXTFRAME_REDIS_PASSWORD"
            )
        if self.redis_user and not self.redis_password:
            raise ValueError("NEXTFRAME_REDIS_USER needs NEXTFRAME_REDIS_PASSWORD")

    @property
    def redis(self) -> str:
        """Returns the complete URL for `connection.connect`."""
        if not self._has_login:
            return self.redis_url
        parts = urlsplit(self.redis_url)
        login = f"{quote(self.redis_user, safe='')}:{quote(self.redis_password, safe='')}@"
        return urlunsplit(parts._replace(netloc=login + parts.netloc))

    @property
    def _has_login(self) -> bool:
        return bool(self.redis_user or self.redis_password)
