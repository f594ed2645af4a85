"""Valid and refused settings of ingest."""

import pytest

from services.environment import SettingsError, read_settings
from services.ingest.ingest import ice_servers
from services.ingest.settings import PREFIX, IngestSettings

REQUIRED = {"NEXTFRAME_REDIS_URL": "redis://x", "NEXTFRAME_TOKEN_SECRET": "s" * 32}


def read(**environment: str) -> IngestSettings:
    return read_settings(IngestSettings, PREFIX, REQUIRED | environment)


def test_by_default_it_listens_at_home_and_asks_no_ice_server() -> None:
    settings = read()
    assert settings.host == "127.0.0.1"
    assert ice_servers(settings, "s1") == []


def test_ice_servers_share_their_credentials() -> None:
    settings = read(
        NEXTFRAME_INGEST_ICE_SERVERS="stun:a.example, turn:b.example",
        NEXTFRAME_INGEST_ICE_USERNAME="user",
        NEXTFRAME_INGEST_ICE_CREDENTIAL="pass",
    )
    servers = ice_servers(settings, "s1")
    assert [server.urls for server in servers] == ["stun:a.example", "turn:b.example"]
    assert {server.credential for server in servers} == {"pass"}


def test_with_a_secret_each_session_has_a_login_of_its_own() -> None:
    settings = read(
        NEXTFRAME_INGEST_ICE_SERVERS="turn:b.example", NEXTFRAME_INGEST_ICE_SECRET="shared"
    )
    logins = [ice_servers(settings, name)[0] for name in ("s1", "s2")]
    assert [str(login.username).partition(":")[2] for login in logins] == ["s1", "s2"]
    assert logins[0].credential != logins[1].credential


def test_one_login_for_all_and_one_for_each_are_not_both_possible() -> None:
    with pytest.raises(SettingsError, match="ice_secret, or ice_username"):
        read(NEXTFRAME_INGEST_ICE_SECRET="shared", NEXTFRAME_INGEST_ICE_CREDENTIAL="pass")


def test_secrets_are_not_shown() -> None:
    assert "s" * 32 not in repr(read())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEXTFRAME_INGEST_SESSION_URL", "nowhere"),
        ("NEXTFRAME_INGEST_PAGE_URL", "localhost:8080"),
        ("NEXTFRAME_INGEST_ALLOWED_ORIGINS", "*"),
        ("NEXTFRAME_INGEST_MAX_PEERS", "0"),
        ("NEXTFRAME_INGEST_PORTS", "80"),
        ("NEXTFRAME_TOKEN_SECRET", "short"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        read(**{name: value})
