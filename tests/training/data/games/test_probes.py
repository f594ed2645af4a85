"""Probes: one moment, one answer per key, all from the same frame."""

from pathlib import Path

import numpy as np
import pytest

from training.data.games.probes import (
    PROBE_FRAMES,
    REPLAY,
    Probe,
    plans,
    record_probes,
    recorded_answers,
)
from training.data.games.toy import HEADINGS, ToyRecorder, read
from training.data.recording import Recording
from training.pipeline.release import choose_starts


def test_every_answer_begins_at_the_same_frame_and_holds_its_key() -> None:
    films = _films(context_frames=24)
    assert films is not None
    assert {len(film.frames) for film in films.values()} == {24 + PROBE_FRAMES}
    before = {plan: film.frames[:24] for plan, film in films.items()}
    assert all(np.array_equal(frames, before[REPLAY]) for frames in before.values())

    turned = [read(frame).heading for frame in films["right"].frames[23:]]
    assert (turned[-1] - turned[0]) % HEADINGS == 2 * PROBE_FRAMES % HEADINGS
    assert read(films["idle"].frames[-1]).action == (0.0,) * 6
    assert read(films["forward"].frames[-1]).action[0] == 1.0


def test_a_blocked_way_ahead_is_no_probe() -> None:
    assert _films(context_frames=8, least_walk=1000.0) is None


@pytest.mark.parametrize("context_frames", [8, 24, 190])
def test_a_context_is_as_long_as_asked_however_early_its_moment(context_frames: int) -> None:
    films = _films(context_frames=context_frames)
    assert films is not None
    assert len(films[REPLAY].frames) == context_frames + PROBE_FRAMES


def test_films_that_begin_too_late_are_made_anew_for_the_same_moment(tmp_path: Path) -> None:
    def context(frames: int) -> Recording:
        (probe,) = record_probes(
            ToyRecorder(), tmp_path / "probes", count=1, key_turn_deg=11.25, context_frames=frames,
            least_walk=0.0, seed=3, processes=1,
        )  # fmt: skip
        return probe.context

    short, long = context(8), context(24)
    assert (len(short.frames), len(long.frames)) == (8, 24)
    filmed = tmp_path / "probes" / "000" / REPLAY / "cuts.npy"
    made = filmed.stat().st_mtime_ns
    again = context(8)
    assert filmed.stat().st_mtime_ns == made
    assert short.digest() == again.digest() == long.part(-8, 24).digest()


def _films(*, context_frames: int, least_walk: float = 0.0) -> dict[str, Recording] | None:
    return recorded_answers(
        ToyRecorder(), plans(key_turn_deg=11.25), 3, least_walk=least_walk,
        context_frames=context_frames,
    )  # fmt: skip


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
