"""A table in Markdown, a line at a time: what takes hours is printed row by row."""

from collections.abc import Iterable, Iterator, Sequence

Row = Sequence[str]


def table(titles: Row, rows: Iterable[Row]) -> str:
    return "\n".join(lines(titles, rows))


def lines(titles: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield _line(titles)
    yield "|" + " --- |" * len(titles)
    yield from map(_line, rows)


def _line(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"
