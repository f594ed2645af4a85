"""Probes: one moment, one answer per key, all from the same frame."""

import numpy as np

from training.data.games.probes import PROBE_FRAMES, REPLAY, Probe, _shoot, plans
from training.data.games.toy import HEADINGS, ToyRecorder, read
from training.data.recording import Recording
from training.release import choose_starts


def test_every_answer_begins_at_the_same_frame_and_holds_its_key() -> None:
    films = _shoot(ToyRecorder(), plans(key_turn_deg=11.25), 0.0, 3)
    assert films is not None
    before = {plan: film.frames[:PROBE_FRAMES] for plan, film in films.items()}
    assert all(np.array_equal(frames, before[REPLAY]) for frames in before.values())

    turned = [read(frame).heading for frame in films["right"].frames[PROBE_FRAMES - 1 :]]
    assert (turned[-1] - turned[0]) % HEADINGS == 2 * PROBE_FRAMES % HEADINGS
    assert read(films["idle"].frames[-1]).action == (0.0,) * 6
    assert read(films["forward"].frames[-1]).action[0] == 1.0


def test_a_blocked_way_ahead_is_no_probe() -> None:
    assert _shoot(ToyRecorder(), plans(key_turn_deg=11.25), 1000.0, 3) is None


def _probe(x: float, yaw: float, detail: int) -> Probe:
    frames = np.random.default_rng(0).integers(0, detail, (1, 8, 8, 3)).astype(np.uint8)
    context = Recording(
        frames=frames,
        actions=np.zeros((1, 6), np.float32),
        poses=np.array([[x, 0, yaw]], np.float32),
        cuts=np.array([True]),
    )
    return Probe(context=context, answers={})


def test_starts_are_different_views_beginning_with_the_most_detailed() -> None:
    plain, same, detailed, opposite = (
        _probe(0, 0, 10),
        _probe(3, 5, 10),
        _probe(0, 2, 200),
        _probe(0, 180, 10),
    )
    chosen = choose_starts([plain, same, detailed, opposite], 2)
    assert [id(probe) for probe in chosen] == [id(detailed), id(opposite)]
