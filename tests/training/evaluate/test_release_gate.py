"""The judge's rules, one by one, on figures made up for the purpose."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from training.evaluate.release_gate import verdict

GOOD: dict[str, Any] = {
    "version": 3,
    "yardstick": {"reader": "r", "passages": "p", "precision": "fp32", "num_steps": 2},
    "psnr_16": 16.0,
    "psnr_16_copy_last": 13.0,
    "psnr_16_mean_frame": 16.5,
    "action_f1": 0.6,
    "action_f1_ceiling": 0.7,
    "action_f1_shuffled": 0.1,
    "frechet_student": 50.0,
    "frechet_teacher": None,
    "action_f1_teacher": None,
    "resamples": {},
    "horizon": [{"frame": 300, "motion_ratio": {"value": 0.8, "low": 0.6, "high": 1.0}}],
}
_HARD = np.random.default_rng(0).normal(size=200)  # how hard each resample of the passages is
_OTHERWISE_HARD = np.random.default_rng(1).normal(size=200)


def _with(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


def _drawn(distance: float, f1: float, *, hard: Any = _HARD, spread: float = 0.3) -> dict[str, Any]:
    """A card whose figures go up and down with the passages, by `spread` of their size."""
    draws = {
        "frechet_student": (distance * (1 + spread * hard)).tolist(),
        "action_f1": (f1 * (1 - spread * hard)).tolist(),
    }
    return _with(frechet_student=distance, action_f1=f1, resamples=draws)


def test_a_good_student_is_accepted_alone_and_beside_its_equals() -> None:
    alone = verdict(GOOD, None)
    assert alone.accepted
    assert len(alone.reasons) == 3  # the rules that it kept
    assert verdict(GOOD, GOOD).accepted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"psnr_16": 12.5}, "-0.5 dB against the last real frame"),
        ({"psnr_16": 12.5}, "-4.0 dB against the mean frame, whose blur PSNR rewards"),
        ({"action_f1": 0.2}, "0.34 or more wanted"),
        ({"horizon": [{"frame": 300, "motion_ratio": {"value": 0.1}}]}, "motion at frame 300"),
        ({"horizon": [{"frame": 64, "motion_ratio": {"value": 9.0}}]}, "motion at frame 64"),
    ],
)
def test_what_is_bad_by_itself_is_refused_with_the_rule(
    changes: Mapping[str, Any], reason: str
) -> None:
    refused = verdict(_with(**changes), None)
    assert not refused.accepted
    assert len(refused.reasons) == 1 and reason in refused.reasons[0]


def test_a_student_may_be_a_little_worse_than_its_own_teacher_and_no_more() -> None:
    def taught(distance: float, f1: float = 0.6) -> dict[str, Any]:
        teacher = {"frechet_teacher": 50.0, "action_f1_teacher": 0.6}
        return _with(frechet_student=distance, action_f1=f1, **teacher)

    assert verdict(taught(57.0), None).accepted
    far = verdict(taught(58.0), None)
    assert not far.accepted and "the teacher" in far.reasons[0]
    assert not verdict(taught(50.0, f1=0.5), None).accepted


def test_a_candidate_must_keep_up_with_what_players_have() -> None:
    assert verdict(_with(frechet_student=54.0), GOOD).accepted
    worse = verdict(_with(frechet_student=56.0), GOOD)
    assert not worse.accepted and "the current release" in worse.reasons[0]


def test_both_the_margin_and_the_interval_of_the_difference_must_say_worse() -> None:
    current = _drawn(50.0, 0.6)
    both = verdict(_drawn(60.0, 0.6), current)
    assert not both.accepted and "+10.00 ± " in both.reasons[0]
    within = verdict(_drawn(54.0, 0.6), current)  # surely worse, by less than matters
    assert within.accepted
    unsure = verdict(_drawn(60.0, 0.6, hard=_OTHERWISE_HARD), current)  # by other luck, perhaps
    assert unsure.accepted
    deaf = verdict(_drawn(50.0, 0.4), current)
    assert not deaf.accepted and "F1 0.40" in deaf.reasons[0]


@pytest.mark.parametrize(
    ("current", "differs"),
    [
        (_with(yardstick=GOOD["yardstick"] | {"passages": "old"}), "(passages)"),
        (_with(yardstick=GOOD["yardstick"] | {"precision": "int8", "num_steps": 3}),
         "(precision, num_steps)"),
        (_with(version=2), "(version)"),
        (_with(yardstick=None), "(yardstick)"),
    ],
)  # fmt: skip
def test_figures_by_another_yardstick_are_not_compared_and_it_says_what_to_measure(
    current: Mapping[str, Any], differs: str
) -> None:
    refused = verdict(GOOD, current)
    assert not refused.accepted and len(refused.reasons) == 1
    assert differs in refused.reasons[0]
    assert "measure the current release as this version was" in refused.reasons[0]


def test_a_dream_nearly_as_still_as_the_current_release_is_no_step_back() -> None:
    def moving(share: float) -> dict[str, Any]:
        return _with(horizon=[{"frame": 300, "motion_ratio": {"value": share}}])

    assert not verdict(moving(0.28), None).accepted
    assert verdict(moving(0.28), moving(0.3)).accepted
    assert not verdict(moving(0.2), moving(0.3)).accepted
    assert verdict(moving(0.5), moving(0.9)).accepted


@pytest.mark.parametrize("value", [None, float("nan"), "high"])
def test_half_an_evaluation_is_no_evaluation(value: object) -> None:
    with pytest.raises(ValueError, match="the student: action_f1 must be a finite number"):
        verdict(_with(action_f1=value), None)
    with pytest.raises(ValueError, match="the current release: frechet_student must be"):
        verdict(GOOD, _with(frechet_student=value))
    with pytest.raises(ValueError, match="horizon"):
        verdict(_with(horizon=[]), None)
