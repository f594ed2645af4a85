"""Tables of figures: each with half of its interval, each row as soon as it is measured."""

from collections.abc import Iterator

from training.evaluate.report.markdown import lines, table
from training.evaluate.statistics.confidence import Estimate


def test_a_figure_is_written_with_half_of_its_interval() -> None:
    figure = Estimate(value=22.0, low=21.5, high=22.5, drawn=())
    assert f"{figure:.2f}" == "22.00 ± 0.50"
    assert f"{figure:.0f}" == "22 ± 0"


def test_a_table_has_its_titles_a_rule_and_its_rows() -> None:
    assert table(("", "dB"), [("a", "1"), ("b", "2")]).splitlines() == [
        "|  | dB |", "| --- | --- |", "| a | 1 |", "| b | 2 |",
    ]  # fmt: skip


def test_a_row_is_printed_before_the_next_is_measured() -> None:
    measured = []

    def rows() -> Iterator[tuple[str]]:
        for name in ("first", "second"):
            measured.append(name)
            yield (name,)

    printed = lines(("name",), rows())
    assert [next(printed) for _ in range(3)][-1] == "| first |" and measured == ["first"]
