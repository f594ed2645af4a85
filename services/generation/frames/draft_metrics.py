"""Counts what became of drafts. Knows no session."""

from model.engine.speculation import Speculation, SpeculationCounts
from services.telemetry import meter

DRAFTS = meter.create_counter(
    "nextframe_drafts", description="frames begun early, by kind and outcome"
)
DRAFT_TIME = meter.create_counter(
    "nextframe_draft_time", unit="s", description="engine time of drafts, by kind and outcome"
)


class DraftMetrics:
    """Owns the counts that are in the metrics already."""

    def __init__(self) -> None:
        self._counted = Speculation()

    def share_used(self, speculation: Speculation) -> float:
        """Fraction of the exact drafts since `count` that were accepted; 0 when none was settled.
        Joint drafts take no spare time and are left out."""
        counts, counted = speculation.exact, self._counted.exact
        num_accepted = counts.accepted - counted.accepted
        num_settled = num_accepted + counts.discarded - counted.discarded
        return num_accepted / num_settled if num_settled else 0.0

    def count(self, speculation: Speculation) -> None:
        """Adds what is new to the metrics."""
        _add("exact", self._counted.exact, speculation.exact)
        _add("joint", self._counted.joint, speculation.joint)
        self._counted = speculation


def _add(kind: str, counted: SpeculationCounts, counts: SpeculationCounts) -> None:
    accepted = {"kind": kind, "outcome": "accepted"}
    discarded = {"kind": kind, "outcome": "discarded"}
    DRAFTS.add(counts.accepted - counted.accepted, accepted)
    DRAFTS.add(counts.discarded - counted.discarded, discarded)
    DRAFT_TIME.add(counts.saved_s - counted.saved_s, accepted)
    DRAFT_TIME.add(counts.wasted_s - counted.wasted_s, discarded)
