"""A token admits to one session for two minutes, if signed by us."""

import logging
import time

import jwt
import pytest

from services.repeated_log import RepeatedLog
from services.tokens import AUDIENCE, ForeignToken, InvalidToken, Tokens

SECRET = "a secret of at least thirty-two characters"
tokens = Tokens(SECRET)


def signed(secret: str = SECRET, **claims: object) -> str:
    whole = {"aud": AUDIENCE, "sub": "a", "exp": time.time() + 60} | claims
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, secret)


def test_a_minted_token_admits_to_its_session() -> None:
    tokens.check(tokens.mint("a"), "a")
    tokens.check_bearer("bearer " + tokens.mint("a"), "a")


def test_a_good_token_of_another_session_is_foreign() -> None:
    with pytest.raises(ForeignToken):
        tokens.check(tokens.mint("b"), "a")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        signed("another secret of thirty-two characters!"),
        signed(aud="another"),
        signed(exp=time.time() - 61),
        signed(iat=time.time() + 7000),
        signed(nbf=time.time() + 7000),
        signed(exp=None),
        signed(sub=None),
        jwt.encode({"aud": AUDIENCE, "sub": "a", "exp": time.time() + 60}, "", algorithm="none"),
    ],
)
def test_anything_else_is_invalid(token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.check(token, "a")


def test_an_expired_token_says_so() -> None:
    with pytest.raises(InvalidToken, match="expired"):
        tokens.check(tokens.mint("a", ttl_s=-61), "a")


def test_an_expired_token_passes_within_the_leeway_and_not_beyond() -> None:
    tokens.check(tokens.mint("a", ttl_s=-100), "a", leeway_s=60)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.check(tokens.mint("a", ttl_s=-130), "a", leeway_s=60)


@pytest.mark.parametrize(("minted_s", "words"), [(0, []), (-170, ["ahead"]), (50, ["behind"])])
def test_clocks_may_differ_by_a_minute_and_the_log_names_them(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    minted_s: float,
    words: list[str],
) -> None:
    """cases/field.md C26: every fresh token had expired, and no log gave the reason."""
    monkeypatch.setattr("services.tokens.repeated", RepeatedLog(logging.getLogger("toy")))
    with monkeypatch.context() as elsewhere:
        now = time.time() + minted_s
        elsewhere.setattr(time, "time", lambda: now)
        token = tokens.mint("a")
    tokens.check(token, "a")
    causes = [str(record.__dict__["cause"]) for record in caplog.records]
    assert len(causes) == len(words)
    assert all(word in cause for word, cause in zip(words, causes, strict=True))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc"])
def test_a_header_without_bearer_token_is_invalid(header: str | None) -> None:
    with pytest.raises(InvalidToken, match="Authorization: Bearer"):
        tokens.check_bearer(header, "a")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Tokens("short")


OTHER = "the next secret, of thirty-two characters too"


def test_a_changed_secret_ends_no_game() -> None:
    """cases/drills.md B4. First every service learns the new one, then it signs, then the old one
    goes."""
    old, both, turned, new = (
        Tokens(secrets) for secrets in (SECRET, f"{SECRET}\n{OTHER}", f"{OTHER}\n{SECRET}\n", OTHER)
    )
    for signing, checking in ((old, both), (both, old), (both, turned), (turned, both)):
        checking.check(signing.mint("a"), "a")
    new.check(turned.mint("a"), "a")
    with pytest.raises(InvalidToken):
        new.check(old.mint("a"), "a")


def test_a_token_tells_which_secret_signed_it_and_not_the_secret() -> None:
    header = jwt.get_unverified_header(tokens.mint("a"))
    assert len(header["kid"]) == 8 and header["kid"] not in SECRET


@pytest.mark.parametrize("kid", ["", "x" * 5000, "deadbeef"])
def test_an_unknown_key_id_opens_nothing(kid: str) -> None:
    claims = {"aud": AUDIENCE, "sub": "a", "exp": time.time() + 60}
    forged = jwt.encode(claims, "another secret of thirty-two characters!", headers={"kid": kid})
    with pytest.raises(InvalidToken):
        tokens.check(forged, "a")


@pytest.mark.parametrize("secrets", ["", "\n", "short", f"{SECRET}\nshort"])
def test_every_secret_must_be_long(secrets: str) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Tokens(secrets)
