"""The comparison as a table: what each contestant costs and how good its frames are."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.compare.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; no cost where nothing is drawn."""

    name: str
    quality: Quality
    params: int | None = None
    passes: int | None = None
    frame_ms: float | None = None


def to_markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| | parameters | passes a frame | ms a frame | PSNR, dB | action read | pose read |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        cost = [f"{row.params:,}" if row.params else "", row.passes or "", row.frame_ms or ""]
        quality = [row.quality.psnr_db, row.quality.action_read, row.quality.pose_read]
        lines.append("| " + " | ".join(str(cell) for cell in (row.name, *cost, *quality)) + " |")
    return "\n".join(lines)
