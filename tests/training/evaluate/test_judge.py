"""The judge's rules, one by one, on figures made up for the purpose."""

from collections.abc import Mapping
from typing import Any

import pytest

from training.evaluate.judge import verdict

GOOD: dict[str, Any] = {
    "psnr_16": 16.0,
    "psnr_16_copy_last": 13.0,
    "action_f1": 0.6,
    "action_f1_ceiling": 0.7,
    "action_f1_shuffled": 0.1,
    "frechet_student": 50.0,
    "frechet_teacher": None,
    "action_f1_teacher": None,
    "horizon": [{"frame": 300, "motion_ratio": {"value": 0.8, "low": 0.6, "high": 1.0}}],
}


def _with(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


def test_a_good_student_is_accepted_alone_and_beside_its_equals() -> None:
    alone = verdict(GOOD, None, None)
    assert alone.accepted
    assert len(alone.reasons) == 3  # the rules that it kept
    assert verdict(GOOD, GOOD, GOOD).accepted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"psnr_16": 12.5}, "-0.5 dB against the last real frame"),
        ({"action_f1": 0.2}, "0.34 or more wanted"),
        ({"horizon": [{"frame": 300, "motion_ratio": {"value": 0.1}}]}, "motion at frame 300"),
        ({"horizon": [{"frame": 64, "motion_ratio": {"value": 9.0}}]}, "motion at frame 64"),
    ],
)
def test_what_is_bad_by_itself_is_refused_with_the_rule(
    changes: Mapping[str, Any], reason: str
) -> None:
    refused = verdict(_with(**changes), None, None)
    assert not refused.accepted
    assert len(refused.reasons) == 1 and reason in refused.reasons[0]


def test_a_student_may_be_a_little_worse_than_its_teacher_and_no_more() -> None:
    assert verdict(_with(frechet_student=57.0), GOOD, None).accepted
    far = verdict(_with(frechet_student=58.0), GOOD, None)
    assert not far.accepted and "the teacher" in far.reasons[0]
    assert not verdict(_with(action_f1=0.5), GOOD, None).accepted


def test_the_teacher_of_its_own_card_counts_when_no_other_is_given() -> None:
    own = _with(frechet_student=58.0, frechet_teacher=50.0, action_f1_teacher=0.6)
    assert not verdict(own, None, None).accepted
    assert verdict(own, _with(frechet_student=55.0), None).accepted


def test_a_candidate_must_keep_up_with_what_players_have() -> None:
    assert verdict(_with(frechet_student=54.0), None, GOOD).accepted
    worse = verdict(_with(frechet_student=56.0), None, GOOD)
    assert not worse.accepted and "the current release" in worse.reasons[0]


def test_a_dream_nearly_as_still_as_the_current_release_is_no_step_back() -> None:
    def moving(share: float) -> dict[str, Any]:
        return _with(horizon=[{"frame": 300, "motion_ratio": {"value": share}}])

    assert not verdict(moving(0.28), None, None).accepted
    assert verdict(moving(0.28), None, moving(0.3)).accepted
    assert not verdict(moving(0.2), None, moving(0.3)).accepted
    assert verdict(moving(0.5), None, moving(0.9)).accepted


@pytest.mark.parametrize("value", [None, float("nan"), "high"])
def test_half_an_evaluation_is_no_evaluation(value: object) -> None:
    with pytest.raises(ValueError, match="the student: action_f1 must be a finite number"):
        verdict(_with(action_f1=value), None, None)
    with pytest.raises(ValueError, match="the current release: frechet_student must be"):
        verdict(GOOD, None, _with(frechet_student=value))
    with pytest.raises(ValueError, match="horizon"):
        verdict(_with(horizon=[]), None, None)
