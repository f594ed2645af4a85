"""Handles Redis records that this version of a service cannot parse, without failing other
sessions."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from services.backplane.connection import BackplaneError
from services.repeated_log import RepeatedLog

Raw = TypeVar("Raw")
Record = TypeVar("Record")

repeated = RepeatedLog(logging.getLogger(__name__))


class RecordError(BackplaneError):
    """A record that this version cannot parse. Handled like an unreachable Redis: another version
    may parse the record, so nothing is ended or deleted."""


def read_or_raise(parse: Callable[[Raw], Record], raw: Raw, what: str) -> Record:
    """Raises RecordError if `parse` raises ValueError, OverflowError, KeyError or TypeError."""
    try:
        return parse(raw)
    except (ValueError, OverflowError, KeyError, TypeError) as error:
        repeated.warning("record cannot be read", cause=f"{what}: {error!r:.200}")
        raise RecordError(f"{what} cannot be read") from error


def readable(parse: Callable[[Raw], Record], raws: Iterable[Raw], what: str) -> list[Record]:
    """Returns the records that parse; logs at most one line a minute about the others."""
    found = []
    for raw in raws:
        try:
            found.append(read_or_raise(parse, raw, what))
        except RecordError:
            continue
    return found
