"""Session tokens: proof that a caller may act for one session. The only place that knows JWT.

Short-lived on purpose: a token admits a connection, it does not keep one alive. The session
service answers a fresh one with each look at the session, and for a look alone it takes one that
ran out not long ago: a laptop that slept finds its world again.
"""

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
    """The caller may not act for the session. The message is fit for the caller."""


class InvalidToken(TokenError):
    """No token, a forged, broken or expired one: answer 401."""


class ForeignToken(TokenError):
    """A good token, of another session: answer 403."""


def _blame_clock(how: str) -> None:
    """`how` this machine's clock is, beside the session service's."""
    cause = f"compared with the session service's, the clock of this machine is {how}"
    repeated.warning("token valid by another clock", cause=cause)


class Tokens:
    """Mints and checks the tokens of all sessions under one secret."""

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET_CHARS:
            raise ValueError(f"a token secret has at least {MIN_SECRET_CHARS} characters")
        self._secret = secret

    def mint(self, session_id: str, *, ttl_s: float = TOKEN_TTL_S) -> str:
        now = time.time()
        claims = {"aud": AUDIENCE, "sub": session_id, "iat": now, "exp": now + ttl_s}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def check(self, token: str, session_id: str, *, leeway_s: float = 0.0) -> None:
        """Returns when `token` is for `session_id` and did not expire more than `leeway_s` ago,
        give or take CLOCK_LEEWAY_S; raises InvalidToken or ForeignToken. What only a difference
        between two clocks explains is logged. `iat` and `nbf` (RFC 7519) may not be ahead by
        more."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
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

    def check_bearer(
        self, authorization: str | None, session_id: str, *, leeway_s: float = 0.0
    ) -> None:
        """The same for the value of an Authorization header."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("send the session's token as: Authorization: Bearer <token>")
        self.check(token.strip(), session_id, leeway_s=leeway_s)
