"""Recordings in VPT's form come back as they were written, and damage costs one file, not a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data import vpt


def _line(keys: list[str], dx: float = 0.0, gui: bool = False) -> dict[str, Any]:
    return {
        "mouse": {"dx": dx, "dy": 0.0, "buttons": [0] if "attack" in keys else []},
        "keyboard": {"keys": [f"key.keyboard.{key}" for key in keys if key != "attack"]},
        "isGuiOpen": gui,
    }


def _write(folder: Path, name: str, lines: list[dict[str, Any]]) -> Path:
    frames = np.stack([np.full((64, 96, 3), 20 * i, np.uint8) for i in range(len(lines))])
    video = folder / f"{name}.mp4"
    vpt.write_recording(video, frames, lines, fps=20)
    return video


def test_a_line_leads_to_the_frame_after_it(tmp_path: Path) -> None:
    video = _write(tmp_path, "a", [_line(["w"]), _line(["attack"], dx=15.0), _line([]), _line([])])
    film = vpt.read_recording(video, width=48, height=32)
    assert film.frames.shape == (4, 32, 48, 3)
    assert np.abs(film.frames.mean(axis=(1, 2, 3)) - [0, 20, 40, 60]).max() < 3
    assert not film.actions[0].any()
    assert film.actions[1][vpt.BUTTONS.index("forward")] == 1.0
    assert film.actions[2][vpt.BUTTONS.index("attack")] == 1.0
    assert film.actions[2][-1] * 90 == pytest.approx(2.25, abs=0.01)  # 15 counts, the nearest bin
    assert list(film.cuts) == [True, False, False, False]


def test_frames_with_an_open_menu_are_dropped_and_the_film_is_cut(tmp_path: Path) -> None:
    lines = [_line([]), _line([], gui=True), _line(["w"]), _line([])]
    film = vpt.read_recording(_write(tmp_path, "a", lines), width=48, height=32)
    assert list(film.cuts) == [True, True, False]


def test_damaged_recordings_are_skipped_and_counted(tmp_path: Path) -> None:
    good = [_line([]), _line(["w"])]
    _write(tmp_path, "good", good)
    _write(tmp_path, "python", good).with_suffix(".jsonl").write_text("{'mouse': True}\n" * 2)
    _write(tmp_path, "short", good).with_suffix(".jsonl").write_text(json.dumps(good[0]) + "\n")
    _write(tmp_path, "long", good).with_suffix(".jsonl").write_text("x" * (vpt.MAX_LINE_BYTES + 9))
    _write(tmp_path, "torn", good).write_bytes(b"no video")
    _write(tmp_path, "alone", good).with_suffix(".jsonl").unlink()
    _write(tmp_path, "wild", good).with_suffix(".jsonl").write_text(
        json.dumps(_line([], dx=float("nan"))) + "\n"
    )
    found = vpt.read_folder(tmp_path, width=48, height=32)
    assert len(found.recordings) == 1
    assert found.skipped == {
        "actions damaged": 2,
        "as many lines as frames expected": 1,
        "actions too long": 1,
        "video damaged": 1,
        "actions missing": 1,
    }
