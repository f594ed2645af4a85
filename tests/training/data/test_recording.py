"""Recordings on disk, and the clips that may be drawn from them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.games.toy import ToyRecorder
from training.data.latents import ClipSource, LatentRecording
from training.data.record_episodes import record_episodes
from training.data.recorder import HeldInput
from training.data.recording import Recording, clip_starts, load_recordings


class OtherWay(ToyRecorder):
    """Plays the same place otherwise."""

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        return super().record(num_frames=num_frames, seed=seed + 1000, then=then)


def test_no_clip_spans_a_cut() -> None:
    cuts = np.zeros(10, np.bool_)
    cuts[[0, 6]] = True
    assert list(clip_starts(cuts, 4)) == [0, 1, 2, 6]
    assert len(clip_starts(cuts, 11)) == 0


def test_clips_bring_the_actions_that_led_to_their_frames() -> None:
    count = 40
    film = LatentRecording(
        latents_NChw=torch.arange(count).view(count, 1, 1, 1).half(),
        actions_NA=torch.arange(count).view(count, 1).float(),
        cuts_N=torch.arange(count) % 20 == 0,
    )
    source = ClipSource([film], num_frames=5, batch_size=64, device=torch.device("cpu"))
    clips = source.draw(torch.Generator().manual_seed(0))
    numbers = clips.latents_BFChw[..., 0, 0, 0]
    assert torch.equal(numbers, clips.actions_BFA[..., 0])
    assert torch.equal(numbers.diff(dim=1), torch.ones(64, 4))
    assert ((numbers[:, 0] % 20) <= 15).all()


def test_films_are_the_same_however_many_processes_make_them(tmp_path: Path) -> None:
    for name, processes in (("one", 1), ("two", 2)):
        record_episodes(
            ToyRecorder(),
            tmp_path / name,
            num_frames=60,
            num_episodes=3,
            seed=7,
            processes=processes,
        )
    pairs = zip(load_recordings(tmp_path / "one"), load_recordings(tmp_path / "two"), strict=True)
    for first, second in pairs:
        assert np.array_equal(first.frames, second.frames)
        assert np.array_equal(first.actions, second.actions)


def test_another_player_films_the_second_half(tmp_path: Path) -> None:
    record_episodes(
        ToyRecorder(), tmp_path / "both", num_frames=80, num_episodes=4, seed=7, processes=1,
        then=OtherWay(),
    )  # fmt: skip
    record_episodes(
        ToyRecorder(), tmp_path / "one", num_frames=80, num_episodes=4, seed=7, processes=1
    )
    pairs = zip(load_recordings(tmp_path / "both"), load_recordings(tmp_path / "one"), strict=True)
    same = [np.array_equal(both.frames, one.frames) for both, one in pairs]
    assert same == [True, True, False, False]


def test_no_recordings_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the record stage first"):
        load_recordings(tmp_path)
