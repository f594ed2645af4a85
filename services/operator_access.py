"""Access for operators by one token, compared in constant time and never logged."""

import hmac
from typing import Annotated

from fastapi import Header

from services.telemetry import Problem


class OperatorAccess:
    """A dependency of every operator's call. `token`: never empty."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def __call__(self, authorization: Annotated[str, Header()] = "") -> None:
        scheme, _, shown = authorization.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            shown.strip().encode(), self._token
        ):
            detail = "Send the operator's token as: Authorization: Bearer <token>."
            raise Problem(401, "token-invalid", detail)
