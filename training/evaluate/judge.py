"""May this student be released? Decides on figures alone: the dicts that `build/eval.json` holds.
Reads no file and no network, and has no opinion that is not a rule below.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LEAST_PSNR_GAIN_DB = 0.0  # over showing the last real frame for ever
LEAST_OBEDIENCE = 0.4  # of the way from shuffled actions (0) to real play (1)
MOST_MOTION, LEAST_MOTION = 2.0, 0.5  # of real motion, at the farthest frame measured
TEACHER_SHARE = 0.15  # a few-step student may be this much worse than its teacher
RELEASE_SHARE = 0.10  # a candidate may be this much worse than what players have now

_OF_ANOTHER = ("frechet_student", "action_f1", "action_f1_shuffled")
_OF_A_STUDENT = (*_OF_ANOTHER, "psnr_16", "psnr_16_copy_last", "action_f1_ceiling")

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


def verdict(student: Figures, teacher: Figures | None, current: Figures | None) -> Verdict:
    """Judges by itself, against its teacher and against the current release, as far as they are
    given. Raises ValueError when one of them lacks a figure that a rule needs."""
    _check(student, "the student", _OF_A_STUDENT)
    for other, name in ((teacher, "the teacher"), (current, "the current release")):
        if other is not None:
            _check(other, name, _OF_ANOTHER)
    if not student.get("horizon"):
        raise ValueError("the student: horizon must hold at least one point")
    rulings = [*_by_itself(student), _motion(student, current)]
    if teacher is not None:
        rulings += _against(student, teacher, "the teacher", TEACHER_SHARE)
    elif student.get("frechet_teacher") is not None:
        own_teacher = {
            "frechet_student": student["frechet_teacher"],
            "action_f1": student["action_f1_teacher"],
            "action_f1_shuffled": student["action_f1_shuffled"],
        }
        rulings += _against(student, own_teacher, "the teacher", TEACHER_SHARE)
    if current is not None:
        rulings += _against(student, current, "the current release", RELEASE_SHARE)
    broken = tuple(ruling.reason for ruling in rulings if not ruling.is_kept)
    kept = tuple(ruling.reason for ruling in rulings if ruling.is_kept)
    return Verdict(accepted=not broken, reasons=broken or kept)


def _by_itself(student: Figures) -> Iterator[_Ruling]:
    gain = student["psnr_16"] - student["psnr_16_copy_last"]
    yield _Ruling(
        is_kept=gain >= LEAST_PSNR_GAIN_DB,
        reason=f"frame 16 is {gain:+.1f} dB against the last real frame; "
        f"{LEAST_PSNR_GAIN_DB:+.1f} dB or more wanted",
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


def _against(student: Figures, other: Figures, name: str, share: float) -> Iterator[_Ruling]:
    most = other["frechet_student"] * (1 + share)
    yield _Ruling(
        is_kept=student["frechet_student"] <= most,
        reason=f"Fréchet distance (own features) {student['frechet_student']:.2f}; at most "
        f"{most:.2f} wanted, {share:.0%} above {name}",
    )
    floor = other["action_f1_shuffled"]
    least = floor + (1 - share) * (other["action_f1"] - floor)
    yield _Ruling(
        is_kept=student["action_f1"] >= least,
        reason=f"actions are read with F1 {student['action_f1']:.2f}; at least {least:.2f} wanted, "
        f"{share:.0%} below {name}",
    )


def _check(figures: Figures, whose: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = figures.get(name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{whose}: {name} must be a finite number, got {value!r}")
