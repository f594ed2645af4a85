"""Redis addresses as operators write them: any password works, or is refused without being
shown."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from services.backplane.connection import connect
from services.backplane.settings import RedisSettings
from services.environment import SettingsError, read_settings
from tests.services.backplane.redis_kit import server


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings(RedisSettings):
    pass


def read(**environment: str) -> SampleSettings:
    names = {f"NEXTFRAME_REDIS_{name}": value for name, value in environment.items()}
    return read_settings(SampleSettings, "NEXTFRAME_TOY_", names)


@pytest.mark.parametrize(
    "url",
    ["redis://h", "redis://h:6379/2", "rediss://u:p%2Fw@h/0", "redis://:p@[::1]:1", "unix:///s.sock",
     "unix:///s.sock?db=3"],
)  # fmt: skip
def test_what_redis_py_understands_is_taken_as_it_is(url: str) -> None:
    assert read(URL=url).redis == url


@pytest.mark.parametrize(
    "url",
    ["redis://:hush/1@h:6399/0", "redis://:hu#sh@h", "redis://:hu?sh@h", "redis://:hush%zz@h/0",
     "redis://:12/34@h", "redis://:hush@h:port", "http://hush@h", "redis+sentinel://hush@h/0",
     "hush",
     "redis://h/hush", "redis://h?hush=1", "redis://", "unix://", "redis://h:99999999"],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_not_shown(url: str) -> None:
    """cases/field.md C21: a traceback contained half of the password."""
    with pytest.raises(SettingsError, match="NEXTFRAME_REDIS_URL") as refusal:
        read(URL=url)
    assert "hush" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_user_and_password_are_given_once() -> None:
    for wrong in ({"URL": "redis://:p@h", "PASSWORD": "q"}, {"URL": "redis://h", "USER": "u"}):
        with pytest.raises(SettingsError, match="NEXTFRAME_REDIS_USER"):
            read(**wrong)
    assert "hush" not in repr(read(URL="redis://h", PASSWORD="hush"))


@pytest.mark.redis
@pytest.mark.asyncio
async def test_any_password_opens_the_door(short_folder: Path) -> None:
    password = "S3cr/et #?%41:@[]é'"
    with server(short_folder / "a") as url:
        with Redis.from_url(url) as redis:
            redis.acl_setuser(
                "a/user", enabled=True, passwords=[f"+{password}"], keys=["*"], categories=["+@all"]
            )
        settings = read(URL=url, USER="a/user", PASSWORD=password)
        async with connect(settings.redis) as client:
            assert await client.acl_whoami() == "a/user"
