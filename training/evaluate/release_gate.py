"""Decides whether a student may be released, from figures alone: the dicts of `build/eval.json`.
Reads no file and no network. Every rule is below or, for comparisons of two versions, in
`statistics/paired_statistics.py`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.evaluate.statistics.paired_statistics import (
    RELEASE_SHARE,
    Figures,
    Other,
    Ruling,
    against,
    incomparable,
    protocol_differences,
)

LEAST_PSNR_GAIN_DB = 0.0  # over a rollout that repeats the last real frame
LEAST_OBEDIENCE = 0.4  # on a scale from shuffled actions (0) to recorded play (1)
MOST_MOTION, LEAST_MOTION = 2.0, 0.5  # of real motion, at the farthest frame measured

_OF_ANOTHER = ("frechet_student", "action_f1", "action_f1_shuffled")
_OF_A_STUDENT = (
    *_OF_ANOTHER,
    "psnr_16",
    "psnr_16_copy_last",
    "psnr_16_mean_frame",
    "action_f1_ceiling",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`reasons`: the broken rules of a refused student, the satisfied rules of an accepted one."""

    accepted: bool
    reasons: tuple[str, ...]


def verdict(student: Figures, current: Figures | None) -> Verdict:
    """Applies the absolute rules, the comparison with the teacher where the card holds one, and the
    comparison with the current release where one exists. Raises ValueError for a missing figure."""
    _check(student, "the student", _OF_A_STUDENT)
    if not student.get("horizon"):
        raise ValueError("the student: horizon must hold at least one point")
    rulings = [*_by_itself(student), *_against_teacher(student)]
    if current is None:
        rulings.append(_motion(student, None))
    elif differing := protocol_differences(student, current):
        rulings.append(incomparable(differing))
    else:
        _check(current, "the current release", _OF_ANOTHER)
        rulings.append(_motion(student, current))
        rulings += against(student, Other.release(current))
    broken = tuple(ruling.reason for ruling in rulings if not ruling.is_kept)
    kept = tuple(ruling.reason for ruling in rulings if ruling.is_kept)
    return Verdict(accepted=not broken, reasons=broken or kept)


def _by_itself(student: Figures) -> Iterator[Ruling]:
    gain = student["psnr_16"] - student["psnr_16_copy_last"]
    over_mean = student["psnr_16"] - student["psnr_16_mean_frame"]
    yield Ruling(
        is_kept=gain >= LEAST_PSNR_GAIN_DB,
        reason=f"frame 16 is {gain:+.1f} dB against the last real frame; "
        f"{LEAST_PSNR_GAIN_DB:+.1f} dB or more wanted ({over_mean:+.1f} dB against the mean frame, "
        "whose blur PSNR rewards)",
    )
    floor, ceiling = student["action_f1_shuffled"], student["action_f1_ceiling"]
    wanted = floor + LEAST_OBEDIENCE * (ceiling - floor)
    yield Ruling(
        is_kept=student["action_f1"] >= wanted,
        reason=f"actions are read with F1 {student['action_f1']:.2f}; {wanted:.2f} or more wanted "
        f"(shuffled {floor:.2f}, real {ceiling:.2f})",
    )


def _motion(student: Figures, current: Figures | None) -> Ruling:
    """A rollout must neither stand still nor flicker. A current release with less motion lowers the
    bound for the candidate."""
    farthest = student["horizon"][-1]
    frame, moved = farthest["frame"], farthest["motion_ratio"]["value"]
    now = [p for p in (current or {}).get("horizon", ()) if p["frame"] == frame]
    least = LEAST_MOTION
    if now:
        least = min(least, (1 - RELEASE_SHARE) * now[0]["motion_ratio"]["value"])
    return Ruling(
        is_kept=least <= moved <= MOST_MOTION,
        reason=f"motion at frame {frame} is {moved:.2f} of real motion; "
        f"{least:.2f} to {MOST_MOTION:.2f} wanted",
    )


def _against_teacher(student: Figures) -> Iterator[Ruling]:
    if student.get("frechet_teacher") is not None:
        _check(student, "the student", ("frechet_teacher", "action_f1_teacher"))
        yield from against(student, Other.teacher(student))


def _check(figures: Figures, whose: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = figures.get(name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{whose}: {name} must be a finite number, got {value!r}")
