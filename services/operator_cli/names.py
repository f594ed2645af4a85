"""Finds a session or a replica by the first letters of the id, as a table shows them."""

from collections.abc import Iterable

from services.operator_cli.client import Access, CallError

MOST = 100_000  # sessions or replicas to search


def session_named(access: Access, text: str) -> str:
    if len(text) == 32:
        return text
    found = access.all("sessions", "sessions", at_most=MOST)
    return _only(text, (session["id"] for session in found), "session")


def replica_named(access: Access, text: str) -> str:
    found = access.all("replicas", "replicas", at_most=MOST)
    return _only(text, (replica["id"] for replica in found), "replica")


def _only(text: str, ids: Iterable[str], what: str) -> str:
    fitting = [known for known in ids if known.startswith(text)]
    if text in fitting:
        return text
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise CallError(f"No {what} begins with {text!r}.")
    raise CallError(f"{len(fitting)} {what}s begin with {text!r}: give more letters.")
