"""Settings are read once from the environment; an error names the variable."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.environment import SettingsError, file_time_s, read_settings, setting
from services.setting_kinds import http_url, ice_url, origin, proxy

PREFIX = "NEXTFRAME_TOY_"
BUILD = Path("build")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToySettings:
    port: int = setting(8080, at_least=0, at_most=65535)
    fps: float = setting(17.5, at_least=1)
    is_open: bool = setting(True)
    folder: Path = setting(BUILD)  # noqa: RUF009  (a Path does not change)
    origins: tuple[str, ...] = setting(("http://a",))
    redis_url: str = setting("redis://b", env="NEXTFRAME_REDIS_URL")
    token_secret: str = setting(env="NEXTFRAME_TOKEN_SECRET", min_chars=4, secret=True)

    def __post_init__(self) -> None:
        if self.port == 13 and self.is_open:
            raise ValueError("port 13 must not be open")


SECRET = {"NEXTFRAME_TOKEN_SECRET": "hush-hush"}


def read(**variables: str) -> ToySettings:
    return read_settings(ToySettings, PREFIX, SECRET | variables)


def test_what_is_not_set_keeps_its_default() -> None:
    assert read() == ToySettings(token_secret="hush-hush")


def test_every_kind_of_value_is_read() -> None:
    settings = read(
        NEXTFRAME_TOY_PORT="9",
        NEXTFRAME_TOY_FPS="30",
        NEXTFRAME_TOY_IS_OPEN="false",
        NEXTFRAME_TOY_FOLDER="/x/y",
        NEXTFRAME_TOY_ORIGINS="http://a, http://b,",
        NEXTFRAME_REDIS_URL="redis://c",
        PATH="/bin",
    )
    assert settings == ToySettings(
        port=9,
        fps=30.0,
        is_open=False,
        folder=Path("/x/y"),
        origins=("http://a", "http://b"),
        redis_url="redis://c",
        token_secret="hush-hush",
    )


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("NEXTFRAME_TOY_PORT", "http", "NEXTFRAME_TOY_PORT must be int, got 'http'"),
        ("NEXTFRAME_TOY_PORT", "70000", "NEXTFRAME_TOY_PORT must be at most 65535, got 70000"),
        ("NEXTFRAME_TOY_FPS", "nan", "NEXTFRAME_TOY_FPS must be at least 1"),
        ("NEXTFRAME_TOY_IS_OPEN", "yes", "NEXTFRAME_TOY_IS_OPEN must be true or false"),
        ("NEXTFRAME_TOY_PROT", "1", "NEXTFRAME_TOY_PROT is no setting; .*NEXTFRAME_TOY_PORT"),
        ("NEXTFRAME_TOY_PORT", "13", "port 13 must not be open"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read(**{name: value})


def test_what_has_no_default_must_be_set() -> None:
    with pytest.raises(SettingsError, match="NEXTFRAME_TOKEN_SECRET must be set"):
        read_settings(ToySettings, PREFIX, {})


def test_a_secret_is_shown_nowhere() -> None:
    assert "hush" not in repr(read())
    with pytest.raises(SettingsError, match="NEXTFRAME_TOKEN_SECRET must have at least 4") as error:
        read(NEXTFRAME_TOKEN_SECRET="abc")
    assert "abc" not in str(error.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings:
    page: str = setting("", parse=http_url)
    allowed: tuple[str, ...] = setting((), parse=origin)
    hidden: str = setting("", secret=True, parse=http_url)


def kinds(**variables: str) -> KindSettings:
    return read_settings(KindSettings, PREFIX, variables)


def test_a_text_of_a_kind_is_brought_into_its_form() -> None:
    settings = kinds(
        NEXTFRAME_TOY_PAGE="HTTPS://Play.Example.com:443/game/",
        NEXTFRAME_TOY_ALLOWED="https://a.example/, http://[::1]:80, http://b:8080",
    )
    assert settings.page == "https://play.example.com/game"
    assert settings.allowed == ("https://a.example", "http://[::1]", "http://b:8080")
    assert kinds(NEXTFRAME_TOY_PAGE="").page == ""


@pytest.mark.parametrize(
    "wrong",
    ["*", "null", "a.example", "https://a.example/path", "ftp://a", "http://[",
     "http://a:port", "http://user@a", "https://a/?x", "https://a b", "http://a#x", "https://"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_with_the_variables_name(wrong: str) -> None:
    """cases/field.md C27: an invalid origin was accepted and never matched."""
    with pytest.raises(SettingsError, match="NEXTFRAME_TOY_ALLOWED must"):
        kinds(NEXTFRAME_TOY_ALLOWED=wrong)


def test_a_secret_of_a_kind_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="NEXTFRAME_TOY_HIDDEN") as error:
        kinds(NEXTFRAME_TOY_HIDDEN="hush-hush")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "good", ["stun:a.example", "turn:a:3478?transport=tcp", "turns:[::1]:5349"]
)
def test_ice_servers_are_known_by_their_scheme(good: str) -> None:
    assert ice_url(good) == good
    for bad in (good.partition(":")[2], "http://a", good + "/x", "stun:"):
        with pytest.raises(ValueError, match="must be stun:"):
            ice_url(bad)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("*", "*"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("fd00:0::1", "fd00::1"),
        ("fd00::1/64", "fd00::/64"),
    ],
)
def test_a_proxy_is_an_address_or_a_network(given: str, normal: str) -> None:
    """Any other text would match nothing: all players behind the proxy would count as one
    address."""
    assert proxy(given) == normal
    for bad in (given + "/129", "proxy.example", "[", "10.0.0.0-10.0.0.9", ""):
        with pytest.raises(ValueError, match="must be an IP address, a network"):
            proxy(bad)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hush-hush\n")
    variables = {"NEXTFRAME_TOKEN_SECRET_FILE": str(path)}
    assert read_settings(ToySettings, PREFIX, variables).token_secret == "hush-hush"


@pytest.mark.parametrize(
    ("content", "others", "complaint"),
    [
        (None, {}, "NEXTFRAME_TOKEN_SECRET_FILE cannot be read"),
        (b"\xff\xfe", {}, "cannot be read: .*no text"),
        (b"x" * 70_000, {}, "more than 65536 characters"),
        (b"hush-hush", SECRET, "set NEXTFRAME_TOKEN_SECRET or NEXTFRAME_TOKEN_SECRET_FILE, not"),
        (b"hus", {}, "NEXTFRAME_TOKEN_SECRET must have at least 4 characters"),
    ],
)
def test_a_file_without_a_secret_is_refused(
    content: bytes | None, others: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    variables = {"NEXTFRAME_TOKEN_SECRET_FILE": str(path), **others}
    with pytest.raises(SettingsError, match=complaint) as refused:
        read_settings(ToySettings, PREFIX, variables)
    assert "hush" not in str(refused.value)


def test_only_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="NEXTFRAME_TOY_PORT_FILE is no setting"):
        read(NEXTFRAME_TOY_PORT_FILE=str(tmp_path))


def test_the_age_of_a_secret_is_known_if_it_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 32)
    os.utime(file, (5.0, 7.0))
    assert file_time_s("NEXTFRAME_TOKEN_SECRET", {"NEXTFRAME_TOKEN_SECRET_FILE": str(file)}) == 7.0
    assert file_time_s("NEXTFRAME_TOKEN_SECRET", {"NEXTFRAME_TOKEN_SECRET": "s" * 32}) is None
