"""HTTP calls to the session service and the training service. Knows no table and no command."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

DEFAULT_URL = "http://127.0.0.1:8081"
DEFAULT_TRAINING_URL = "http://127.0.0.1:8083"
TIMEOUT_S = 10.0
PAGE = 200


class CallError(Exception):
    """A call failed. The message says what to do."""


class UnreachableError(CallError):
    """Nobody answered, or something other than a service of Nextframe."""


class ProblemError(CallError):
    """A service refused. `kind`: the last part of the problem's type."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the services are, and what is shown to the services."""

    url: str
    training_url: str
    token: str = field(repr=False)
    training_token: str = field(repr=False)

    def get(self, path: str, **query: Any) -> Any:
        """`path`: below /v1/operator of the session service."""
        return _call("GET", f"{self.url}/v1/operator/{path}", self._session_token(), query=query)

    def post(self, path: str, body: Any = None) -> Any:
        return _call("POST", f"{self.url}/v1/operator/{path}", self._session_token(), body=body)

    def delete(self, path: str) -> None:
        _call("DELETE", f"{self.url}/v1/operator/{path}", self._session_token())

    def all(self, path: str, items: str, *, at_most: int, **query: Any) -> list[Any]:
        """Up to `at_most` items of all pages of a list."""
        found: list[Any] = []
        for page in self._pages(path, query):
            found += page[items]
            if len(found) >= at_most:
                break
        return found[:at_most]

    def public(self, path: str) -> Any:
        """A call that everybody may make. `path`: below /v1 of the session service."""
        return _call("GET", f"{self.url}/v1/{path}", "")

    def training(self, method: str, path: str, body: Any = None) -> Any:
        """`path`: below /v1 of the training service."""
        if not self.training_token:
            raise CallError(
                "Set NEXTFRAME_OPERATOR_TRAINING_TOKEN to the training service's token."
            )
        return _call(method, f"{self.training_url}/v1/{path}", self.training_token, body=body)

    def _pages(self, path: str, query: dict[str, Any]) -> Iterator[Any]:
        after = ""
        while True:
            page = self.get(path, limit=PAGE, after=after, **query)
            yield page
            after = page.get("next") or ""
            if not after:
                return

    def _session_token(self) -> str:
        if not self.token:
            raise CallError("Set NEXTFRAME_OPERATOR_TOKEN to the session service's operator token.")
        return self.token


def _call(
    method: str, url: str, token: str, *, query: dict[str, Any] | None = None, body: Any = None
) -> Any:
    """The answer's JSON; None for an empty answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    shown = {name: value for name, value in (query or {}).items() if value not in ("", None)}
    try:
        answer = httpx.request(
            method, url, params=shown, json=body, headers=headers, timeout=TIMEOUT_S
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"No answer from {url}: {error}. Is the address right and the service up?"
        ) from error
    if answer.is_success:
        return _content(answer) if answer.content else None
    raise _refusal(answer)


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise UnreachableError(f"{answer.url} answers no JSON: is it a service?") from error


def _refusal(answer: httpx.Response) -> CallError:
    try:
        problem = answer.json()
        kind, detail = str(problem["type"]).rpartition(":")[2], str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return UnreachableError(f"{answer.url} answers {answer.status_code}: is it a service?")
    if answer.status_code == 404 and kind == "not-found":
        detail = "The service has no such call. Is NEXTFRAME_SESSION_OPERATOR_TOKEN set there?"
    return ProblemError(detail, kind)
