"""Variables of the environment: each service's settings with bounds, and every name in the code."""

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.unchanged.comparison import Recording

ROOT = Path(__file__).parents[2]
SERVICES = ("session", "ingest", "generation", "training")


def record() -> Recording:
    settings = {
        variable: value for service in SERVICES for variable, value in _settings_of(service)
    }
    return settings | {"names in code": sorted(_names_in_code())}


def _settings_of(service: str) -> Iterator[tuple[str, dict[str, str]]]:
    module = import_module(f"services.{service}.settings")
    for cls in vars(module).values():
        if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == module.__name__:
            for f in fields(cls):
                name = f.metadata.get("env") or module.PREFIX + f.name.upper()
                yield f"{service}/{name}", _described(f)


def _described(f: Field[Any]) -> dict[str, str]:
    bounds = {name: str(f.metadata.get(name)) for name in ("at_least", "at_most", "min_chars")}
    default = "must be set" if f.default is MISSING else repr(f.default)
    default = default.replace(str(ROOT), "<root>")
    return {"type": str(f.type), "default": default, **bounds}


def _names_in_code() -> set[str]:
    found: set[str] = set()
    for package in ("model", "services", "training", "loadtest"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.update(re.findall(r"\bNEXTFRAME_[A-Z0-9_]+", node.value))
    return found
