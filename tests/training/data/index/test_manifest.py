"""What a run's recordings are: hashed, counted, split by recording, and measured."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.games.toy import ACTION_SPACE, ToyRecorder
from training.data.index import manifest
from training.data.index.action_statistics import mean, measure
from training.data.index.manifest import index_recordings, read_manifest
from training.data.record_episodes import record_episodes
from training.data.recording import Recording
from training.data.source import DamagedRecording, RecordingFolder

NAMES = (*ACTION_SPACE.model_buttons, "yaw")


def _films(root: Path, num_episodes: int = 2) -> RecordingFolder:
    for split, seed in (("train", 0), ("held_out", 9)):
        record_episodes(
            ToyRecorder(),
            root / split,
            num_frames=40 * num_episodes,
            num_episodes=num_episodes,
            seed=seed,
            processes=1,
        )
    return RecordingFolder(root, NAMES)


def test_recordings_are_split_whole_and_named_by_what_they_hold(tmp_path: Path) -> None:
    source = _films(tmp_path)
    manifest = index_recordings(source, tmp_path / "manifest.json")
    assert [entry.name for entry in manifest.of("train")] == ["train/00000", "train/00001"]
    assert [entry.name for entry in manifest.of("held_out")] == ["held_out/00000", "held_out/00001"]
    assert len({entry.digest for entry in manifest.entries}) == 4
    assert read_manifest(tmp_path / "manifest.json") == manifest
    summary = json.loads((tmp_path / "manifest.json").read_text())["splits"]["train"]
    assert summary["num_frames"] == 80
    assert 0 < summary["shares"]["forward alone"] <= summary["shares"]["forward"] < 1


def test_the_data_hash_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    here, there = (_films(tmp_path / name) for name in ("here", "there"))
    os.utime(there.root / "train" / "00000" / "cuts.npy", ns=(1, 1))
    before = index_recordings(here, tmp_path / "here.json")
    assert index_recordings(there, tmp_path / "there.json").digest("train") == before.digest(
        "train"
    )

    film = here.open("train/00001")
    changed = np.array(film.frames)
    changed[0, 0, 0, 0] ^= 1
    Recording(frames=changed, actions=film.actions, poses=film.poses, cuts=film.cuts).save(
        here.root / "train" / "00001"
    )
    after = index_recordings(here, tmp_path / "here.json")
    assert after.digest("train") != before.digest("train")
    assert after.digest("held_out") == before.digest("held_out")


def test_what_is_known_is_not_read_again_and_what_is_damaged_is_counted(tmp_path: Path) -> None:
    class Torn(RecordingFolder):
        def open(self, name: str) -> Recording:
            raise DamagedRecording("video damaged")

    known = index_recordings(_films(tmp_path), tmp_path / "manifest.json")
    record_episodes(
        ToyRecorder(), tmp_path / "train", num_frames=90, num_episodes=3, seed=0, processes=1
    )  # a third take
    index = index_recordings(Torn(tmp_path, NAMES), tmp_path / "manifest.json")
    assert index.entries == known.entries
    assert index.skipped == {"video damaged": 1}


def test_shares_are_of_keys_turns_rests_and_reversals() -> None:
    def held_inputs(*rows: tuple[float, float, float]) -> NDArray[np.float32]:  # forward, act, yaw
        return np.array(rows, np.float32)

    names = ("forward", "act", "yaw")
    still, go, left, right = (0, 0, 0), (1, 0, 0), (0, 0, -0.5), (0, 0, 1)
    shares = measure(held_inputs(*[still] * 5, go, (1, 1, 0), left, still, right), names)
    assert (shares["forward"], shares["forward alone"], shares["act alone"]) == (0.2, 0.1, 0.0)
    assert (shares["turning"], shares["turning at 0.500"]) == (0.2, 0.1)
    assert (shares["nothing"], shares["resting"], shares["reversals"]) == (0.6, 0.5, 0.1)
    assert mean([(30, {"act": 1.0}), (10, {"forward": 0.4})]) == pytest.approx(
        {"act": 0.75, "forward": 0.1}
    )


def test_a_stock_that_is_killed_reads_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Killed(RecordingFolder):
        def open(self, name: str) -> Recording:
            opened.append(name)
            if len(opened) == 4:
                raise KeyboardInterrupt
            return super().open(name)

    monkeypatch.setattr(manifest, "_SAVE_EVERY", 2)
    whole = _films(tmp_path)
    killed = Killed(tmp_path, NAMES)
    with pytest.raises(KeyboardInterrupt):
        index_recordings(killed, tmp_path / "manifest.json")
    index = index_recordings(killed, tmp_path / "manifest.json")
    assert opened[4:] == opened[2:4]  # only what came after the last time it was kept
    assert index == index_recordings(whole, tmp_path / "other.json")
