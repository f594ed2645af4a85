"""A recipe, or a part of a recipe, as JSON values: run states and bundles store the settings that
they were made with. Knows no recipe."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from training.recipes.stored_names import stored_name


def numbers_of(value: Any) -> Any:
    """The fields of dataclasses under their stored names. A path becomes its last component,
    because a folder of one machine means nothing elsewhere; a function becomes its name."""
    if is_dataclass(value):
        return {
            stored_name(field.name): numbers_of(getattr(value, field.name))
            for field in fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): numbers_of(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [numbers_of(entry) for entry in value]
    if isinstance(value, Path):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, "__name__", type(value).__name__)
