"""Parses JSON written by another version of a service: unknown fields are ignored, missing fields
get defaults, and invalid fields raise ValueError."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

Record = TypeVar("Record")
_TEXT_AND_NUMBERS = {str: (str,), int: (int,), float: (int, float)}


def from_fields(cls: type[Record], content: Any) -> Record:
    """Builds the dataclass `cls` from a JSON object. Checks the type of strings and numbers; the
    caller parses other fields. Raises ValueError with the field's name."""
    if not isinstance(content, Mapping):
        raise ValueError(f"no {cls.__name__}: {type(content).__name__} instead of an object")
    types = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name in content:
            values[field.name] = _checked(content[field.name], types[field.name], field.name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"no {cls.__name__}: {field.name} is missing")
    return cls(**values)


def _checked(value: Any, kind: Any, name: str) -> Any:
    wanted = _TEXT_AND_NUMBERS.get(kind)
    if wanted is None or (isinstance(value, wanted) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{name} is a {type(value).__name__}, not a {kind.__name__}")
