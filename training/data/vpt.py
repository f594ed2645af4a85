"""Recordings in the form of OpenAI's Video PreTraining data: `name.mp4` beside `name.jsonl`, one
JSON object per frame with keyboard, mouse and whether a menu is open.

Line i holds what was pressed while frame i was on screen, so it leads to frame i + 1. Every file is
untrusted: sizes are checked before parsing, JSON is parsed as JSON, and a damaged recording is
skipped and counted.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from model.action_space import mu_law_bins
from training.data.recording import Recording

MAX_LINE_BYTES = 64 * 1024
MAX_FRAMES = 20_000  # VPT's are 5 minutes at 20 Hz: 6,000
DEGREES_PER_COUNT = 360.0 / 2400.0
CAMERA_BINS_DEG = mu_law_bins(90.0, 21, 11.4887)

_KEYS = {
    "key.keyboard.w": "forward",
    "key.keyboard.s": "back",
    "key.keyboard.a": "left",
    "key.keyboard.d": "right",
    "key.keyboard.space": "jump",
    "key.keyboard.left.shift": "sneak",
    "key.keyboard.left.control": "sprint",
    "key.keyboard.q": "drop",
    "key.keyboard.f": "swapHands",
    "key.keyboard.e": "inventory",
    "key.keyboard.escape": "ESC",
} | {f"key.keyboard.{slot}": f"hotbar.{slot}" for slot in range(1, 10)}
_MOUSE = {0: "attack", 1: "use", 2: "pickItem"}
BUTTONS = (
    "use", "attack", "forward", "back", "left", "right", "jump", "sneak", "sprint", "drop",
    "swapHands", "pickItem", "inventory", "ESC", *(f"hotbar.{slot}" for slot in range(1, 10)),
)  # fmt: skip
ACTION_SIZE = len(BUTTONS) + 2  # and pitch, yaw in [-1, 1]


class VptError(ValueError):
    """The recording is damaged; the message says how."""


@dataclass(frozen=True, slots=True)
class VptFolder:
    """What a folder held: good recordings, and how many were skipped, by reason."""

    recordings: list[Recording]
    skipped: Counter[str] = field(default_factory=Counter)


def read_folder(folder: Path, *, width: int, height: int) -> VptFolder:
    """Every recording under `folder` at this size in pixels, in the order of their names."""
    found = VptFolder([])
    for video in sorted(folder.glob("*.mp4")):
        try:
            found.recordings.append(read_recording(video, width=width, height=height))
        except VptError as error:
            found.skipped[str(error)] += 1
    return found


def read_recording(video: Path, *, width: int, height: int) -> Recording:
    """One recording. Frames with an open menu are dropped, and the film is cut there.

    Raises VptError when either file is missing, damaged or too large.
    """
    lines = list(_read_lines(video.with_suffix(".jsonl")))
    frames = _read_video(video, width, height)
    if not 0 <= len(lines) - len(frames) <= 1:
        raise VptError("as many lines as frames expected")
    pressed = np.stack([_action(line) for line in lines[: len(frames)]])
    kept = np.array([not line["isGuiOpen"] for line in lines[: len(frames)]])
    if not kept.any():
        raise VptError("a menu is open in every frame")
    actions = np.concatenate((np.zeros_like(pressed[:1]), pressed[:-1]))
    cuts = np.concatenate(([True], ~kept[:-1]))
    return Recording(
        frames=frames[kept],
        actions=actions[kept],
        poses=np.zeros((int(kept.sum()), 3), np.float32),
        cuts=cuts[kept],
    )


def write_recording(
    video: Path, frames: NDArray[np.uint8], lines: Sequence[dict[str, Any]], *, fps: int
) -> None:
    """The same form out: H.264 in mp4, one JSON object per line."""
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    video.with_suffix(".jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")):
                if len(raw) > MAX_LINE_BYTES or number > MAX_FRAMES:
                    raise VptError("actions too long")
                yield _checked(json.loads(raw))
    except VptError:
        raise
    except OSError as error:
        raise VptError("actions missing") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VptError("actions damaged") from error


def _checked(line: Any) -> dict[str, Any]:
    """Only what is read later, with the types it must have."""
    mouse = line["mouse"]
    buttons, keys = list(mouse["buttons"]), list(line["keyboard"]["keys"])
    is_gui_open = line["isGuiOpen"]
    if not isinstance(is_gui_open, bool) or not all(isinstance(key, str) for key in keys):
        raise TypeError("isGuiOpen must be a boolean and keys must be strings")
    counts = {axis: float(mouse[axis]) for axis in ("dx", "dy")}
    if not np.isfinite(list(counts.values())).all():
        raise ValueError("mouse counts must be finite")
    return {"keys": keys, "buttons": buttons, "isGuiOpen": is_gui_open} | counts


def _action(line: dict[str, Any]) -> NDArray[np.float32]:
    down = {_KEYS.get(key) for key in line["keys"]}
    down |= {_MOUSE.get(button) for button in line["buttons"] if isinstance(button, int)}
    camera = [_camera(line[axis] * DEGREES_PER_COUNT) for axis in ("dy", "dx")]
    return np.array([*(float(name in down) for name in BUTTONS), *camera], np.float32)


def _camera(degrees: float) -> float:
    bins = np.array(CAMERA_BINS_DEG)
    return float(bins[np.abs(bins - degrees).argmin()] / bins[-1])


def _read_video(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    frames: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if len(frames) == MAX_FRAMES:
                    raise VptError("video too long")
                small = frame.reformat(width=width, height=height, format="rgb24")
                frames.append(np.asarray(small.to_ndarray(), np.uint8))
    except (OSError, av.FFmpegError, IndexError) as error:
        raise VptError("video damaged") from error
    if not frames:
        raise VptError("video empty")
    return np.stack(frames)
