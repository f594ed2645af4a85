"""Session tokens: proof that a caller may act for one session. The only place that knows JWT.

Short-lived on purpose: a token admits a connection, it does not keep one alive. The session
service answers a fresh one with each look at the session, and for a look alone it takes one that
ran out not long ago: a laptop that slept finds its world again.
"""

import time

import jwt

AUDIENCE = "nextframe"
TOKEN_TTL_S = 120
LOOK_LEEWAY_S = 3600  # as long as a session's record is kept
MIN_SECRET_CHARS = 32
_ALGORITHM = "HS256"


class TokenError(Exception):
    """The caller may not act for the session. The message is fit for the caller."""


class InvalidToken(TokenError):
    """No token, a forged, broken or expired one: answer 401."""


class ForeignToken(TokenError):
    """A good token, of another session: answer 403."""


class Tokens:
    """Mints and checks the tokens of all sessions under one secret."""

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET_CHARS:
            raise ValueError(f"a token secret has at least {MIN_SECRET_CHARS} characters")
        self._secret = secret

    def mint(self, session_id: str, *, ttl_s: float = TOKEN_TTL_S) -> str:
        claims = {"aud": AUDIENCE, "sub": session_id, "exp": time.time() + ttl_s}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def check(self, token: str, session_id: str, *, leeway_s: float = 0.0) -> None:
        """Returns when `token` is for `session_id` and did not expire more than `leeway_s` ago;
        raises InvalidToken or ForeignToken."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                leeway=leeway_s,
                options={"require": ["exp", "sub", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired; ask the session for a fresh one") from None
        except jwt.InvalidTokenError:
            raise InvalidToken("the token is not valid") from None
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
