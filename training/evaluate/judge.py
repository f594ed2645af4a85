"""May this student be released? Decides on figures alone: the dicts that `build/eval.json` holds.
Reads no file and no network, and has no opinion that is not a rule below.

**Beside another** (its own teacher, the current release) a student is worse only if two things
hold: it is beyond the margin, and the difference is sure, which is to say that its 95 % interval,
over the same resampled passages for both, does not reach zero. So neither an unlucky draw refuses
anybody, nor a difference too small to matter.

**By another yardstick** (reader, passages, extent, precision, denoise steps, the card's version)
figures say nothing of each other: it refuses, and says what to measure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import pstdev
from typing import Any

LEAST_PSNR_GAIN_DB = 0.0  # over showing the last real frame for ever
LEAST_OBEDIENCE = 0.4  # of the way from shuffled actions (0) to real play (1)
MOST_MOTION, LEAST_MOTION = 2.0, 0.5  # of real motion, at the farthest frame measured
TEACHER_SHARE = 0.15  # a few-step student may be this much worse than its teacher
RELEASE_SHARE = 0.10  # a candidate may be this much worse than what players have now
_Z_95 = 1.96

_OF_ANOTHER = ("frechet_student", "action_f1", "action_f1_shuffled")
_OF_A_STUDENT = (
    *_OF_ANOTHER, "psnr_16", "psnr_16_copy_last", "psnr_16_mean_frame", "action_f1_ceiling",
)  # fmt: skip

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`reasons` are the rules that were broken when refused, those that were kept when accepted."""

    accepted: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruling:
    is_kept: bool
    reason: str


def verdict(student: Figures, current: Figures | None) -> Verdict:
    """Judges by itself, against its teacher where its card has one, and against the current release
    where there is one. Raises ValueError when one of them lacks a figure that a rule needs."""
    _check(student, "the student", _OF_A_STUDENT)
    if not student.get("horizon"):
        raise ValueError("the student: horizon must hold at least one point")
    rulings = [*_by_itself(student), *_against_teacher(student)]
    if current is None:
        rulings.append(_motion(student, None))
    elif differing := differing_yardsticks(student, current):
        rulings.append(_incomparable(differing))
    else:
        _check(current, "the current release", _OF_ANOTHER)
        rulings.append(_motion(student, current))
        rulings += _against(student, _Other.release(current))
    broken = tuple(ruling.reason for ruling in rulings if not ruling.is_kept)
    kept = tuple(ruling.reason for ruling in rulings if ruling.is_kept)
    return Verdict(accepted=not broken, reasons=broken or kept)


def differing_yardsticks(one: Figures, other: Figures) -> list[str]:
    """In what two cards were measured differently; empty where their figures compare. A card that
    does not say compares with none."""
    ours, theirs = (
        {"version": card.get("version"), **(card.get("yardstick") or {})} for card in (one, other)
    )
    if not one.get("yardstick") or not other.get("yardstick"):
        return ["yardstick"]
    return [name for name in ours | theirs if ours.get(name) != theirs.get(name)]


def _incomparable(differing: Sequence[str]) -> _Ruling:
    return _Ruling(
        is_kept=False,
        reason="it and the current release do not compare, they were measured differently "
        f"({', '.join(differing)}); measure the current release as this version was: "
        "`python -m training evaluate` with this version's --run, and --registry",
    )


def _by_itself(student: Figures) -> Iterator[_Ruling]:
    gain = student["psnr_16"] - student["psnr_16_copy_last"]
    over_mean = student["psnr_16"] - student["psnr_16_mean_frame"]
    yield _Ruling(
        is_kept=gain >= LEAST_PSNR_GAIN_DB,
        reason=f"frame 16 is {gain:+.1f} dB against the last real frame; "
        f"{LEAST_PSNR_GAIN_DB:+.1f} dB or more wanted ({over_mean:+.1f} dB against the mean frame, "
        "whose blur PSNR rewards)",
    )
    floor, ceiling = student["action_f1_shuffled"], student["action_f1_ceiling"]
    wanted = floor + LEAST_OBEDIENCE * (ceiling - floor)
    yield _Ruling(
        is_kept=student["action_f1"] >= wanted,
        reason=f"actions are read with F1 {student['action_f1']:.2f}; {wanted:.2f} or more wanted "
        f"(shuffled {floor:.2f}, real {ceiling:.2f})",
    )


def _motion(student: Figures, current: Figures | None) -> _Ruling:
    """No dream may stand still or flicker; but one that stands nearly as still as what players have
    already is no step back."""
    farthest = student["horizon"][-1]
    frame, moved = farthest["frame"], farthest["motion_ratio"]["value"]
    now = [p for p in (current or {}).get("horizon", ()) if p["frame"] == frame]
    least = LEAST_MOTION
    if now:
        least = min(least, (1 - RELEASE_SHARE) * now[0]["motion_ratio"]["value"])
    return _Ruling(
        is_kept=least <= moved <= MOST_MOTION,
        reason=f"motion at frame {frame} is {moved:.2f} of real motion; "
        f"{least:.2f} to {MOST_MOTION:.2f} wanted",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """Whom a student is held against, and how much worse it may be. Draws are over resampled
    passages, in the order of the student's own; empty where its card is too old to tell."""

    name: str
    share: float
    frechet: float
    frechet_drawn: Sequence[float | None]
    f1: float
    f1_drawn: Sequence[float | None]
    f1_shuffled: float

    @classmethod
    def release(cls, current: Figures) -> "_Other":
        return cls(
            name="the current release", share=RELEASE_SHARE, frechet=current["frechet_student"],
            frechet_drawn=_drawn(current, "frechet_student"), f1=current["action_f1"],
            f1_drawn=_drawn(current, "action_f1"), f1_shuffled=current["action_f1_shuffled"],
        )  # fmt: skip

    @classmethod
    def teacher(cls, student: Figures) -> "_Other":
        return cls(
            name="the teacher", share=TEACHER_SHARE, frechet=student["frechet_teacher"],
            frechet_drawn=_drawn(student, "frechet_teacher"), f1=student["action_f1_teacher"],
            f1_drawn=_drawn(student, "action_f1_teacher"),
            f1_shuffled=student["action_f1_shuffled"],
        )  # fmt: skip


def _against_teacher(student: Figures) -> Iterator[_Ruling]:
    if student.get("frechet_teacher") is not None:
        _check(student, "the student", ("frechet_teacher", "action_f1_teacher"))
        yield from _against(student, _Other.teacher(student))


def _against(student: Figures, other: _Other) -> Iterator[_Ruling]:
    distance, most = student["frechet_student"], other.frechet * (1 + other.share)
    gap, unsure = distance - other.frechet, _unsure(student, "frechet_student", other.frechet_drawn)
    yield _Ruling(
        is_kept=distance <= most or gap <= unsure,
        reason=f"Fréchet distance (own features) {distance:.2f}; at most {most:.2f} wanted, "
        f"{other.share:.0%} above {other.name} (the difference is {gap:+.2f} ± {unsure:.2f})",
    )
    f1, floor = student["action_f1"], other.f1_shuffled
    least = floor + (1 - other.share) * (other.f1 - floor)
    gap, unsure = f1 - other.f1, _unsure(student, "action_f1", other.f1_drawn)
    yield _Ruling(
        is_kept=f1 >= least or gap >= -unsure,
        reason=f"actions are read with F1 {f1:.2f}; at least {least:.2f} wanted, "
        f"{other.share:.0%} below {other.name} (the difference is {gap:+.2f} ± {unsure:.2f})",
    )


def _unsure(student: Figures, figure: str, theirs: Sequence[float | None]) -> float:
    """Half of the 95 % interval of the difference; 0 where a card does not tell, and the margin
    alone decides."""
    pairs = zip(_drawn(student, figure), theirs, strict=False)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return _Z_95 * pstdev(differences) if differences else 0.0


def _drawn(figures: Figures, name: str) -> Sequence[float | None]:
    drawn: Sequence[float | None] = figures.get("resamples", {}).get(name, ())
    return drawn


def _check(figures: Figures, whose: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = figures.get(name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{whose}: {name} must be a finite number, got {value!r}")
