"""The inverse dynamics model learns to read real play, and what it says is scored as it should
be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.data.recording import load_recordings
from training.evaluate.inverse_dynamics.fitting import FitSettings, fitted_inverse_dynamics
from training.evaluate.inverse_dynamics.following import event_names, measure_following, shuffled
from training.evaluate.inverse_dynamics.network import (
    AFTER,
    BEFORE,
    InverseDynamics,
    InverseDynamicsShape,
)
from training.evaluate.inverse_dynamics.output import Actions, predict_actions
from training.evaluate.material import Material
from training.run import Run

# The reader is taught in a fixture, perhaps on a busy machine.
pytestmark = pytest.mark.timeout(600)
_FILM = ToyRecorder().record(num_frames=200, seed=99)
_ASKED = [Actions.of(ACTION_SPACE, part) for part in np.split(_FILM.actions, 4)]


def test_a_reader_reads_play_it_has_not_seen(material: Material) -> None:
    seen = predict_actions(material.networks.inverse_dynamics, _FILM.frames).actions
    asked = Actions.of(ACTION_SPACE, _FILM.actions[BEFORE:-AFTER])
    following = measure_following(ACTION_SPACE, [asked], [seen])
    by_chance = measure_following(ACTION_SPACE, shuffled([asked]), [seen])
    assert following.f1.value > by_chance.f1.value + 0.25
    assert following.yaw_error_bins.value < 0.5 * by_chance.yaw_error_bins.value


def test_the_same_play_is_taught_once_and_other_play_anew(tmp_path: Path, run: Run) -> None:
    films = load_recordings(run.folder / "reader" / "recordings")
    settings = FitSettings(steps=2, batch_size=4)
    first = fitted_inverse_dynamics(ACTION_SPACE, films[:1], tmp_path, settings)
    kept = fitted_inverse_dynamics(ACTION_SPACE, films[:1], tmp_path, settings)
    assert len(list(tmp_path.iterdir())) == 1
    again = fitted_inverse_dynamics(ACTION_SPACE, films[:1], tmp_path / "elsewhere", settings)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, kept.state_dict()[name])
        assert torch.equal(weight, again.state_dict()[name])
    fitted_inverse_dynamics(ACTION_SPACE, films[1:2], tmp_path, settings)
    fitted_inverse_dynamics(ACTION_SPACE, films[:1], tmp_path, replace(settings, seed=1))
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_perfect_obedience_scores_1_and_shuffled_actions_less() -> None:
    perfect = measure_following(ACTION_SPACE, _ASKED, _ASKED)
    assert (perfect.f1.value, perfect.yaw_error_deg.value) == (1.0, 0.0)
    by_chance = measure_following(ACTION_SPACE, shuffled(_ASKED), _ASKED)
    assert by_chance.f1.value < 0.5
    counts = sum(actions.buttons.sum(axis=0) for actions in _ASKED)
    assert (counts == sum(actions.buttons.sum(axis=0) for actions in shuffled(_ASKED))).all()


def test_precision_and_recall_are_told_apart() -> None:
    """Forward is asked in two frames of four, and read in three: both and one more."""
    asked = _presses([[1], [1], [0], [0]])
    seen = _presses([[1], [1], [1], [0]])
    score = measure_following(ACTION_SPACE, [asked], [seen]).events["forward"]
    assert score.precision == pytest.approx(2 / 3)
    assert (score.recall, score.asked) == (1.0, 2)
    assert score.f1 == pytest.approx(0.8)


def test_a_turn_the_wrong_way_is_an_event_missed_and_bins_apart() -> None:
    asked, seen = _turns([0, 4, 2, 2]), _turns([4, 4, 2, 1])  # bin 2 is straight on
    following = measure_following(ACTION_SPACE, [asked], [seen])
    assert following.events["turn left"].recall == 0.0
    assert following.events["turn right"].precision == 0.5
    assert following.yaw_error_bins.value == pytest.approx(5 / 4)
    assert following.yaw_error_deg.value == pytest.approx((22.5 + 5.625) / 4)


def test_events_are_the_buttons_then_the_turns() -> None:
    names = ("forward", "back", "left", "right", "act", "turn left", "turn right")
    assert event_names(ACTION_SPACE) == names


def test_a_world_with_pitch_is_read_on_both_axes() -> None:
    space = replace(ACTION_SPACE, pitch_bins_deg=(-10.0, 0.0, 10.0))
    vectors = [space.vector_of({"act"}, 0.0, 10.0), space.vector_of(set(), -11.25, 0.0)]
    asked = Actions.of(space, np.array(vectors, np.float32))
    assert asked.camera_bins.tolist() == [[2, 2], [1, 0]]
    missed = replace(asked, camera_bins=np.array([[0, 2], [1, 0]]))
    following = measure_following(space, [asked], [missed])
    assert following.events["look down"].recall == following.events["look up"].precision == 0.0
    assert following.events["turn left"].f1 == 1.0
    assert following.pitch_error_deg is not None
    assert (following.pitch_error_deg.value, following.yaw_error_deg.value) == (10.0, 0.0)
    inverse_dynamics = InverseDynamics(InverseDynamicsShape.of(space, 32, 32)).eval()
    seen = predict_actions(inverse_dynamics, _FILM.frames[:8]).actions
    assert (seen.buttons.shape, seen.camera_bins.shape) == ((5, 5), (5, 2))


def _presses(forward: list[list[int]]) -> Actions:
    buttons = np.zeros((len(forward), 5), np.bool_)
    buttons[:, :1] = forward
    return Actions(buttons=buttons, camera_bins=np.full((len(forward), 1), 2))


def _turns(bins: list[int]) -> Actions:
    return Actions(buttons=np.zeros((len(bins), 5), np.bool_), camera_bins=np.array(bins)[:, None])
