"""Two recordings, entry by entry. Knows nothing of what the entries mean."""

from collections.abc import Iterator, Mapping
from typing import Any

Recording = dict[str, Any]  # name of an entry: a value that JSON holds

_MOST_CHARS = 160  # of a value in a line of the report
_ABSENT = object()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each place where the recordings differ: the entry, the path inside the entry,
    the value before and the value after."""
    return list(_of_values("", before, after))


def _of_values(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path} > {key}" if path else key
            yield from _of_values(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _of_values(f"{path}[{number}]", *pair)
    elif before is _ABSENT:
        yield f"added    {path}: {_shown(after)}"
    elif after is _ABSENT:
        yield f"removed  {path}: {_shown(before)}"
    elif before != after:
        yield f"changed  {path}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_CHARS else text[:_MOST_CHARS] + "..."
