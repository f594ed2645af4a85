"""Compares two versions by the figures of their cards. Reads no file and no network, imports no
torch.

**Paired comparison** (with the teacher, with the current release): a student is worse only when the
difference exceeds a margin and is significant, which means that the 95 % interval of the paired
difference, over equal resamples for both, excludes zero. Neither an unlucky sample nor a negligible
difference refuses a version.

**Different protocols** (inverse dynamics model, clips, budget, precision, denoise steps, version of
the card): the figures are not comparable; the comparison is refused with the measurement to make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import pstdev
from typing import Any

TEACHER_SHARE = 0.15  # how much worse than the teacher a few-step student may be
RELEASE_SHARE = 0.10  # how much worse than the current release a candidate may be
_Z_95 = 1.96

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    is_kept: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """The other side of a comparison and the allowed difference `share`. `*_drawn`: values over
    resampled clips, paired with the student's; empty for cards of an older version."""

    name: str
    share: float
    frechet: float
    frechet_drawn: Sequence[float | None]
    f1: float
    f1_drawn: Sequence[float | None]
    f1_shuffled: float

    @classmethod
    def release(cls, current: Figures) -> "Other":
        return cls(
            name="the current release",
            share=RELEASE_SHARE,
            frechet=current["frechet_student"],
            frechet_drawn=_drawn(current, "frechet_student"),
            f1=current["action_f1"],
            f1_drawn=_drawn(current, "action_f1"),
            f1_shuffled=current["action_f1_shuffled"],
        )

    @classmethod
    def teacher(cls, student: Figures) -> "Other":
        return cls(
            name="the teacher",
            share=TEACHER_SHARE,
            frechet=student["frechet_teacher"],
            frechet_drawn=_drawn(student, "frechet_teacher"),
            f1=student["action_f1_teacher"],
            f1_drawn=_drawn(student, "action_f1_teacher"),
            f1_shuffled=student["action_f1_shuffled"],
        )


def against(student: Figures, other: Other) -> Iterator[Ruling]:
    distance, most = student["frechet_student"], other.frechet * (1 + other.share)
    gap, unsure = distance - other.frechet, _unsure(student, "frechet_student", other.frechet_drawn)
    yield Ruling(
        is_kept=distance <= most or gap <= unsure,
        reason=f"Fréchet distance (own features) {distance:.2f}; at most {most:.2f} wanted, "
        f"{other.share:.0%} above {other.name} (the difference is {_said(gap, unsure)})",
    )
    f1, floor = student["action_f1"], other.f1_shuffled
    least = floor + (1 - other.share) * (other.f1 - floor)
    gap, unsure = f1 - other.f1, _unsure(student, "action_f1", other.f1_drawn)
    yield Ruling(
        is_kept=f1 >= least or gap >= -unsure,
        reason=f"actions are read with F1 {f1:.2f}; at least {least:.2f} wanted, "
        f"{other.share:.0%} below {other.name} (the difference is {_said(gap, unsure)})",
    )


def _said(gap: float, unsure: float) -> str:
    return f"{gap:+.2f} ± {unsure:.2f}" if unsure else f"{gap:+.2f}"


def _unsure(student: Figures, figure: str, theirs: Sequence[float | None]) -> float:
    """Half of the 95 % interval of the paired difference; 0 where a card holds no resamples, and
    the margin alone decides."""
    pairs = zip(_drawn(student, figure), theirs, strict=False)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return _Z_95 * pstdev(differences) if differences else 0.0


def _drawn(figures: Figures, name: str) -> Sequence[float | None]:
    drawn: Sequence[float | None] = figures.get("resamples", {}).get(name, ())
    return drawn


def protocol_differences(one: Figures, other: Figures) -> list[str]:
    """The fields in which two protocols differ; empty for comparable cards. A card without a
    protocol is comparable with no card."""
    ours, theirs = (
        {"version": card.get("version"), **(card.get("yardstick") or {})} for card in (one, other)
    )
    if not one.get("yardstick") or not other.get("yardstick"):
        return ["yardstick"]
    return [name for name in ours | theirs if ours.get(name) != theirs.get(name)]


def incomparable(differing: Sequence[str]) -> Ruling:
    return Ruling(
        is_kept=False,
        reason="it and the current release do not compare, they were measured differently "
        f"({', '.join(differing)}); measure the current release as this version was: "
        "`python -m training evaluate` with this version's --run, and --registry",
    )
