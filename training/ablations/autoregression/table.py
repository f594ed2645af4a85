"""The comparison as a table: the cost of each contestant and the quality of its rollouts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from training.evaluate.measures.scores import Scores
from training.evaluate.report.markdown import lines
from training.evaluate.statistics.confidence import Estimate

_TITLES = (
    "",
    "parameters",
    "steps trained",
    "passes a frame",
    "ms a frame",
    "frames a second",
    "PSNR @1, dB",
    "PSNR @16, dB",
    "gradient @16",
    "Fréchet (own)",
    "actions, F1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One line of the table; cost columns are empty for rows without a network. `psnr_1`: PSNR of
    the first generated frame, before any generated context."""

    name: str
    params: int | None = None
    trained: int | None = None
    passes: int | None = None
    frame_ms: float | None = None
    psnr_1: Estimate | None = None
    scores: Scores | None = None


def to_markdown(rows: Iterator[ComparisonRow]) -> Iterator[str]:
    """Yields the table line by line. Figures of an oracle have columns where the world has an
    oracle."""
    first = next(rows)
    titles = (*_TITLES, *(f"{what}, by the oracle" for what in _read_rightly(first)))
    return lines(titles, map(_cells, chain([first], rows)))


def _read_rightly(row: ComparisonRow) -> dict[str, Estimate]:
    assert row.scores is not None
    action = {"action": row.scores.oracle} if row.scores.oracle else {}
    return action | dict(row.scores.dynamics)


def _cells(row: ComparisonRow) -> list[str]:
    scores = row.scores
    assert scores is not None and row.psnr_1 is not None
    return [
        row.name,
        f"{row.params:,}" if row.params else "",
        str(row.trained or ""),
        str(row.passes or ""),
        f"{row.frame_ms:.1f}" if row.frame_ms else "",
        f"{1e3 / row.frame_ms:.1f}" if row.frame_ms else "",
        f"{row.psnr_1:.1f}",
        f"{scores.psnr_16:.1f}",
        f"{scores.gradient_16:.2f}",
        f"{scores.frechet_own:.0f}",
        f"{scores.following.f1:.2f}",
        *(f"{share:.2f}" for share in _read_rightly(row).values()),
    ]
