"""What a command prints: a table for people, or JSON; an error as one line. Knows no service."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from services.operator_cli.client import CallError, UnreachableError

REFUSED, UNREACHABLE = 1, 3

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show(content: Any, table: Table, *, as_json: bool) -> None:
    if as_json:
        show_json(content)
    else:
        Console().print(table)


def show_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


def done(text: str, content: Any, *, as_json: bool) -> None:
    """Says what was done."""
    if as_json:
        show_json(content)
    else:
        print(text)


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> Table:
    """A column with a name in brackets, as `[slots]`, has numbers. `empty`: what stands for no
    rows."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, caption="" if rows else empty)
    table.caption_justify = "left"
    for column in columns:
        is_number = column.startswith("[")
        table.add_column(
            column.strip("[]"), justify="right" if is_number else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    return table


@contextmanager
def report_errors() -> Iterator[None]:
    """Turns a failed call into a line on stderr and an exit code."""
    try:
        yield
    except UnreachableError as error:
        print(f"nextframe: {error}", file=sys.stderr)
        raise SystemExit(UNREACHABLE) from None
    except CallError as error:
        print(f"nextframe: {error}", file=sys.stderr)
        raise SystemExit(REFUSED) from None
