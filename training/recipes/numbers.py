"""A recipe, or a part of it, as what JSON can hold: for a state and a bundle to say what they were
made with. Knows no recipe."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any


def numbers_of(value: Any) -> Any:
    """Names instead of paths, which say where a machine keeps things, and instead of functions."""
    if is_dataclass(value):
        return {field.name: numbers_of(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): numbers_of(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [numbers_of(entry) for entry in value]
    if isinstance(value, Path):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, "__name__", type(value).__name__)
