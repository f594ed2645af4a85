"""Reads settings from environment variables; every service uses this reader at start.

A service declares a frozen dataclass with fields made by `setting()`, read once. A wrong value
stops the service with the variable's name. Knows no service and no default of a service.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

Settings = TypeVar("Settings")

FILE = "_FILE"
MAX_SECRET_CHARS = 65_536


class SettingsError(ValueError):
    """A setting is missing, unknown or wrong. The message names the variable."""


def setting(
    default: Any = MISSING,
    *,
    env: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    min_chars: int = 0,
    secret: bool = False,
    parse: Callable[[str], str] | None = None,
) -> Any:
    """Declares a field of a settings dataclass.

    `env`: complete variable name, for a variable shared by several services; by default the prefix
    and the field's name in capitals. `at_least`, `at_most`: inclusive bounds of a number. `secret`:
    hidden in `repr` and in error messages, and may also come from a file that `<variable>_FILE`
    names, as container secrets do. `parse`: a function of `setting_kinds`, applied to the
    text or to each part of a tuple. A field without a default is required.
    """
    metadata = {
        "env": env,
        "at_least": at_least,
        "at_most": at_most,
        "min_chars": min_chars,
        "secret": secret,
        "parse": parse,
    }
    return field(default=default, repr=not secret, metadata=metadata)


def read_settings(cls: type[Settings], prefix: str, environ: Mapping[str, str]) -> Settings:
    """Returns the settings in `environ`; `prefix` is for example "NEXTFRAME_SESSION_".

    Field types: str, int, float, bool, Path, and tuples of str or Path (separated by commas).
    Raises SettingsError, also for a variable with the prefix and no matching field.
    """
    types = get_type_hints(cls)
    names = {_variable(prefix, f): f for f in fields(cls)}  # type: ignore[arg-type]
    environ = _with_files(environ, [n for n, f in names.items() if f.metadata.get("secret")])
    unknown = sorted(name for name in environ if name.startswith(prefix) and name not in names)
    if unknown:
        raise SettingsError(f"{unknown[0]} is no setting; there are {', '.join(sorted(names))}")
    values = {}
    for name, f in names.items():
        if name in environ:
            value = _parsed(name, f, types[f.name], environ[name])
            values[f.name] = _checked(name, f, _in_form(name, f, value))
        elif f.default is MISSING and f.default_factory is MISSING:
            raise SettingsError(f"{name} must be set")
    try:
        return cls(**values)
    except ValueError as error:  # a rule between several settings, from __post_init__
        raise SettingsError(f"{prefix}*: {error}") from error


def file_time_s(variable: str, environ: Mapping[str, str]) -> float | None:
    """When the file of a secret was written, in seconds since 1970; None for a secret that comes
    from no file."""
    path = environ.get(variable + FILE)
    return os.stat(path).st_mtime if path else None


def _with_files(environ: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str]:
    """`environ` with the content of the files that `<secret>_FILE` names. A line feed at the end of
    a file is no part of the secret."""
    values = dict(environ)
    for name in secrets:
        path = values.pop(name + FILE, None)
        if path is None:
            continue
        if name in values:
            raise SettingsError(f"set {name} or {name}{FILE}, not both")
        try:
            with open(path, encoding="utf-8") as file:
                content = file.read(MAX_SECRET_CHARS + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise SettingsError(f"{name}{FILE} cannot be read: {path}: {reason}") from None
        if len(content) > MAX_SECRET_CHARS:
            raise SettingsError(f"{name}{FILE}: more than {MAX_SECRET_CHARS} characters in {path}")
        values[name] = content.removesuffix("\n").removesuffix("\r")
    return values


def _variable(prefix: str, f: Field[Any]) -> str:
    return f.metadata.get("env") or prefix + f.name.upper()


def _parsed(name: str, f: Field[Any], kind: Any, text: str) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
        if kind in (tuple[str, ...], tuple[Path, ...]):
            make = get_args(kind)[0]
            return tuple(make(part.strip()) for part in text.split(",") if part.strip())
        if kind in (str, int, float, Path):
            return kind(text)
    except (ValueError, KeyError):
        shown = "a value" if f.metadata.get("secret") else repr(text)
        wanted = "true or false" if kind is bool else getattr(kind, "__name__", kind)
        raise SettingsError(f"{name} must be {wanted}, got {shown}") from None
    raise TypeError(f"settings cannot hold {kind}")


def _in_form(name: str, f: Field[Any], value: Any) -> Any:
    """What the field's `parse` makes of it. An empty text stands for nothing where that will do."""
    parse = f.metadata.get("parse")
    if parse is None or value == f.default:
        return value
    try:
        return tuple(map(parse, value)) if isinstance(value, tuple) else parse(value)
    except ValueError as error:
        shown = "" if f.metadata.get("secret") else f", got {value!r}"
        raise SettingsError(f"{name} {error}{shown}") from None


def _checked(name: str, f: Field[Any], value: Any) -> Any:
    low, high = f.metadata.get("at_least"), f.metadata.get("at_most")
    if low is not None and not value >= low:
        raise SettingsError(f"{name} must be at least {low}, got {value}")
    if high is not None and not value <= high:
        raise SettingsError(f"{name} must be at most {high}, got {value}")
    min_chars = f.metadata.get("min_chars", 0)
    if min_chars and len(value) < min_chars:
        raise SettingsError(f"{name} must have at least {min_chars} characters")
    return value
