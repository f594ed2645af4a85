"""The comparison as a table: what each contestant costs and how good its frames are."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.ablations.autoregression.quality import Quality
from training.evaluate.report.markdown import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; no cost where nothing is drawn."""

    name: str
    quality: Quality
    params: int | None = None
    passes: int | None = None
    frame_ms: float | None = None


def to_markdown(rows: Sequence[Row]) -> str:
    titles = ("", "parameters", "passes a frame", "ms a frame")
    return table((*titles, "PSNR, dB", "action read", "pose read"), map(_cells, rows))


def _cells(row: Row) -> list[str]:
    cost = [f"{row.params:,}" if row.params else "", row.passes or "", row.frame_ms or ""]
    quality = [row.quality.psnr_db, row.quality.action_read, row.quality.pose_read]
    return [str(cell) for cell in (row.name, *cost, *quality)]
