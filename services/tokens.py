"""Session tokens: proof that a caller may act for one session. Only this file imports JWT.

Tokens are short-lived: a token admits a connection but does not keep a connection open. The session
service returns a fresh token with each poll, and accepts a recently expired token for a poll, so a
laptop after sleep finds the session again.
"""

import hashlib
import logging
import time

import jwt

from services.repeated_log import RepeatedLog

AUDIENCE = "nextframe"
TOKEN_TTL_S = 120
LOOK_LEEWAY_S = 3600  # as long as a session's record is kept
MIN_SECRET_CHARS = 32
_NOTED_S = 5.0  # a difference of clocks that is worth a line
CLOCK_LEEWAY_S = 60  # the clocks of two services may differ by so much
_ALGORITHM = "HS256"

repeated = RepeatedLog(logging.getLogger(__name__))


class TokenError(Exception):
    """The caller may not act for the session. The message is safe for the caller."""


class InvalidToken(TokenError):
    """The token is missing, forged, broken or expired: answer 401."""


class ForeignToken(TokenError):
    """The token is valid for another session: answer 403."""


def _blame_clock(how: str) -> None:
    """`how` this machine's clock is, beside the session service's."""
    cause = f"compared with the session service's, the clock of this machine is {how}"
    repeated.warning("token valid by another clock", cause=cause)


def _key_id(secret: str) -> str:
    """Tells secrets apart, and tells nobody the secret."""
    return hashlib.sha256(b"key id " + secret.encode()).hexdigest()[:8]


class Tokens:
    """Creates and checks the tokens of all sessions. `secrets`: one a line; the first signs, all
    are good for checking. A new first line changes the secret without ending games: give it to all
    services as a second line first, then as the first, and drop the old line after LOOK_LEEWAY_S.
    """

    def __init__(self, secrets: str) -> None:
        lines = [line for line in secrets.splitlines() if line.strip()]
        if not lines or min(map(len, lines)) < MIN_SECRET_CHARS:
            raise ValueError(f"a token secret has at least {MIN_SECRET_CHARS} characters")
        self._secrets = {_key_id(line): line for line in lines}
        self._newest = next(iter(self._secrets))

    def mint(self, session_id: str, *, ttl_s: float = TOKEN_TTL_S) -> str:
        now = time.time()
        claims = {"aud": AUDIENCE, "sub": session_id, "iat": now, "exp": now + ttl_s}
        secret = self._secrets[self._newest]
        return jwt.encode(claims, secret, algorithm=_ALGORITHM, headers={"kid": self._newest})

    def check(self, token: str, session_id: str, *, leeway_s: float = 0.0) -> None:
        """Returns if `token` is for `session_id` and expired at most `leeway_s` ago, within
        CLOCK_LEEWAY_S. Raises InvalidToken or ForeignToken. Logs a result explained only by a clock
        difference. `iat` and `nbf` (RFC 7519) may be ahead by at most CLOCK_LEEWAY_S."""
        try:
            claims = jwt.decode(
                token,
                self._secret_of(token),
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                leeway=leeway_s + CLOCK_LEEWAY_S,
                options={"require": ["exp", "sub", "aud"]},
            )
        except jwt.ImmatureSignatureError:
            _blame_clock("behind")
            raise InvalidToken("the token is not valid yet; try again in a minute") from None
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired; ask the session for a fresh one") from None
        except jwt.InvalidTokenError:
            raise InvalidToken("the token is not valid") from None
        now = time.time()
        if claims.get("iat", now) > now + _NOTED_S:
            _blame_clock("behind")
        if leeway_s == 0 and claims["exp"] + _NOTED_S < now:
            _blame_clock("ahead, or a page came late")
        if claims["sub"] != session_id:
            raise ForeignToken("the token belongs to another session")

    def _secret_of(self, token: str) -> str:
        """By the key id in the token's header (RFC 7515, 4.1.4); the newest for a token without
        one, of an older service. Raises jwt.InvalidTokenError."""
        key_id = jwt.get_unverified_header(token).get("kid", self._newest)
        return self._secrets.get(key_id, self._secrets[self._newest])

    def check_bearer(
        self, authorization: str | None, session_id: str, *, leeway_s: float = 0.0
    ) -> None:
        """Same as `check` for the value of an Authorization header."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("send the session's token as: Authorization: Bearer <token>")
        self.check(token.strip(), session_id, leeway_s=leeway_s)
