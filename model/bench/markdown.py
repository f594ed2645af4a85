"""Tables as documents show them. Knows nothing of what is in them."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is left-aligned, the others right."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def table_of(records: Sequence[Any]) -> str:
    """Of dataclasses of one kind, at least one."""
    header = [field.name for field in fields(records[0])]
    return table(header, [[str(cell) for cell in astuple(record)] for record in records])
