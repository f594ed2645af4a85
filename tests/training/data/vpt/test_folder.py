"""A folder of VPT recordings: what is learnt from, what is left out, and that damage costs one
recording, not a run."""

import json
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from model import presets
from model.tokenizer.vae import VAE
from tests.training.data.vpt.form import Said, said, write
from training.__main__ import main
from training.data.encoding import LatentCache
from training.data.index.manifest import index_recordings, read_manifest
from training.data.latents import ClipSource
from training.data.source import DamagedRecording
from training.data.vpt import video
from training.data.vpt.actions import ACTION_SPACE
from training.data.vpt.folder import VptFolder
from training.data.vpt.lines import MAX_LINE_BYTES


def _folder(path: Path, max_idle_frames: int = 20) -> VptFolder:
    return VptFolder(folder=path, width=48, height=32, max_idle_frames=max_idle_frames)


def _brightness(frames: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[int]:
    """Of each frame, in steps of 20: its number in the video."""
    return [round(float(frame.mean()) / 20) for frame in frames]


def test_a_line_leads_to_the_frame_after_it(tmp_path: Path) -> None:
    write(tmp_path, "a", [said("w"), said(buttons=(0,)), said(), said()])
    video = _folder(tmp_path).open("a")
    assert video.frames.shape == (4, 32, 48, 3)
    assert _brightness(video.frames) == [0, 1, 2, 3]
    pressed = [[ACTION_SPACE.entries[i] for i in np.flatnonzero(row)] for row in video.actions]
    assert pressed == [[], ["forward"], ["attack"], []]
    assert list(video.cuts) == [True, False, False, False]


def test_frames_with_an_open_menu_are_dropped_and_the_film_is_cut(tmp_path: Path) -> None:
    write(tmp_path, "a", [said(), said(gui=True), said("w"), said()])
    video = _folder(tmp_path).open("a")
    assert _brightness(video.frames) == [0, 2, 3]
    assert list(video.cuts) == [True, True, False]


def test_the_film_is_cut_where_a_button_led_on_that_the_space_lacks(tmp_path: Path) -> None:
    write(tmp_path, "a", [said("w"), said("w", "f"), said("w"), said("w")])
    video = _folder(tmp_path).open("a")
    assert _brightness(video.frames) == [0, 1, 2, 3]
    assert list(video.cuts) == [True, False, True, False]


def test_of_a_long_rest_only_the_beginning_is_kept(tmp_path: Path) -> None:
    w = said("w")
    write(tmp_path, "a", [w, w, *[said()] * 4, w, w])
    video = _folder(tmp_path, max_idle_frames=2).open("a")
    assert _brightness(video.frames) == [0, 1, 2, 3, 4, 7]
    assert list(np.flatnonzero(video.cuts)) == [0, 5]
    assert _brightness(_folder(tmp_path, max_idle_frames=0).open("a").frames) == [1, 2, 7]


def test_chunks_of_one_session_share_a_split(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    sessions = [f"player-{number:012x}" for number in range(400)]
    splits = Counter(folder.split(f"{session}-20220421-092639") for session in sessions)
    assert splits["train"] > 300
    assert min(splits["validation"], splits["held_out"]) > 5
    for session in sessions:
        times = ("20220421-092639", "20220421-093140")
        assert len({folder.split(f"{session}-{time}") for time in times}) == 1


def test_damaged_recordings_are_skipped_and_counted(tmp_path: Path) -> None:
    good: list[Said] = [said(), said("w")]
    write(tmp_path, "good", good)
    write(tmp_path, "python", good).write_text("{'mouse': True}\n" * 2)
    write(tmp_path, "short", good).write_text(json.dumps(good[0]) + "\n")
    write(tmp_path, "long", good).write_text("x" * (MAX_LINE_BYTES + 9))
    write(tmp_path, "deep", good).write_text("[" * 60_000 + "\n")
    write(tmp_path, "wild", good).write_text(json.dumps(said(dx=float("nan"))) + "\n")
    write(tmp_path, "huge", good).write_text(json.dumps(said(dx=10**400)) + "\n")
    write(tmp_path, "slot", good).write_text(json.dumps(said(hotbar=99)) + "\n")
    write(tmp_path, "menu", [said(gui=True)] * 2)
    write(tmp_path, "alone", good).unlink()
    write(tmp_path, "torn", good)
    (tmp_path / "torn.mp4").write_bytes(b"no video")
    manifest = index_recordings(_folder(tmp_path), tmp_path / "manifest.json")
    assert [entry.name for entry in manifest.entries] == ["good", "short"]
    assert manifest.skipped == {
        "actions damaged": 6,
        "nobody plays": 1,
        "actions missing": 1,
        "video damaged": 1,
    }


def test_what_cannot_be_used_costs_the_frames_around_it_and_is_counted(tmp_path: Path) -> None:
    w = said("w")
    path = write(tmp_path, "a", [w] * 12)
    lines = path.read_text().splitlines()
    lines[2] = "{"
    lines[5] = ""
    lines[8] = json.dumps(w | {"mouse": None})
    path.write_text("\n".join([*lines[:11], "\0" * 30]))
    video = _folder(tmp_path).open("a")
    assert _brightness(video.frames) == [0, 1, 3, 4, 6, 7, 9, 10]
    assert list(np.flatnonzero(video.cuts)) == [0, 2, 4, 6]
    assert video.lost == {"line damaged": 2, "line empty": 1, "mouse or keyboard not recorded": 1}
    manifest = index_recordings(_folder(tmp_path), tmp_path / "manifest.json")
    assert manifest.lost == video.lost
    assert read_manifest(tmp_path / "manifest.json") == manifest


@pytest.mark.parametrize(
    ("num_lines", "lost"),
    [(14, {"line without a frame": 1}), (13, {}), (10, {"frame without a line": 2})],
)
def test_lines_or_frames_too_many_at_the_end_are_left_out(
    tmp_path: Path, num_lines: int, lost: dict[str, int]
) -> None:
    path = write(tmp_path, "a", [said("w")] * 12)
    path.write_text((json.dumps(said("w")) + "\n") * num_lines)
    video = _folder(tmp_path).open("a")
    assert len(video.frames) == min(12, num_lines)
    assert video.lost == lost


def test_a_film_of_another_rate_is_refused_with_the_rate_that_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, "a", [said("w")] * 8)
    frames = np.zeros((8, 64, 96, 3), np.uint8)
    video.write_video(path.with_suffix(".mp4"), frames, fps=30)
    skipped = index_recordings(_folder(tmp_path), tmp_path / "m.json").skipped
    assert skipped == {"film of 30 frames a second, 20 expected": 1}


def test_missing_time_in_a_film_is_a_cut(tmp_path: Path) -> None:
    path = write(tmp_path, "a", [said("w")] * 8).with_suffix(".mp4")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(8):
            pixels = np.full((64, 96, 3), 20 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = i + (40 if i >= 5 else 0)
            frame.time_base = Fraction(1, 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video = _folder(tmp_path).open("a")
    assert list(np.flatnonzero(video.cuts)) == [0, 5]
    assert video.lost == {"hole in time": 1}


def test_a_torn_film_is_read_up_to_where_it_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path, "a", [said("w")] * 12).with_suffix(".mp4")
    whole = path.read_bytes()
    start = whole.index(b"mdat") + 4
    middle = (start + len(whole)) // 2
    path.write_bytes(whole[:middle] + b"\xff" * 200 + whole[middle + 200 :])
    try:
        video = _folder(tmp_path).open("a")
    except DamagedRecording:
        return  # the damage met the index of the file
    assert 0 < len(video.frames) <= 12


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    large = np.zeros((1, 1200, 1920, 3), np.uint8)
    path = write(tmp_path, "a", [said()])
    video.write_video(path.with_suffix(".mp4"), large, fps=20)
    assert index_recordings(_folder(tmp_path), tmp_path / "m.json").skipped == {
        "video too large": 1
    }


def test_a_video_whose_title_is_no_text_costs_itself_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "a", [said("w")] * 3).with_suffix(".mp4")
    assert b"Lavf" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xff\xfeav"))
    assert index_recordings(_folder(tmp_path), tmp_path / "m.json").skipped == {"video damaged": 1}


def test_another_reading_is_another_recording(tmp_path: Path) -> None:
    write(tmp_path, "a", [said("w"), said(), said(), said("w")])
    path = tmp_path / "manifest.json"
    digests = {
        index_recordings(_folder(tmp_path, idle), path).entries[0].digest for idle in (1, 5, 1)
    }
    assert len(digests) == 2
    fewer = replace(_folder(tmp_path), action_space=replace(ACTION_SPACE, buttons=("back",)))
    assert index_recordings(fewer, path).entries[0].digest not in digests


def test_clips_are_drawn_from_it_as_from_our_own_films(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, [said("w")] * 12)
    folder = _folder(tmp_path)
    vae = VAE(replace(presets.debug().vae, latent_channels=4)).eval().requires_grad_(False)
    index = index_recordings(folder, tmp_path / "manifest.json")
    films = LatentCache(tmp_path / "latents", vae).encoded(folder, index.entries)
    clips = ClipSource(films, num_frames=8, batch_size=3, device=torch.device("cpu"))
    drawn = clips.draw(torch.Generator().manual_seed(0))
    assert len(clips) == 2 * 5
    assert drawn.latents_BFChw.shape == (3, 8, 4, 2, 3)
    assert drawn.actions_BFA.shape == (3, 8, ACTION_SPACE.size)
    assert drawn.actions_BFA[:, 1:, ACTION_SPACE.entries.index("forward")].all()


def test_a_folder_is_looked_through_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good", [said("w")] * 10)
    write(tmp_path, "alone", [said()]).unlink()
    out = tmp_path / "manifest.json"
    arguments = ["stock", str(tmp_path), "--width", "48", "--height", "32", "--out", str(out)]
    assert main(arguments) == 0
    said_lines = capsys.readouterr().out
    assert "1 recordings, 10 frames" in said_lines
    assert "skipped 1: actions missing" in said_lines
    assert out.exists()
