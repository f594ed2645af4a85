"""Recordings in the form of OpenAI's Video PreTraining data: `name.mp4` beside `name.jsonl`, at 20
frames a second. Line i holds the input while frame i was on screen; the input leads to frame i +
1."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.recording import Recording
from training.data.source import DamagedRecording, Split
from training.data.vpt.actions import ACTION_SPACE, actions_of, is_told
from training.data.vpt.lines import NOTHING_PRESSED, Line, LineFault, read_lines
from training.data.vpt.video import DecodedVideo, read_video

T = TypeVar("T", bound=np.generic)

_DATE_AND_TIME = re.compile(r"-\d{8}-\d{6}$")
_HELD_OUT, _VALIDATION = 5, 5  # percent of the players' sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class VptFolder:
    """Reads recordings at the given size in pixels, with actions of `action_space`. Drops frames
    with an open menu, and all frames of a rest after the first `max_idle_frames`. The recording is
    cut at dropped frames and at actions with a button that `action_space` lacks. MineWorld keeps no
    rest (0), but a model trained without rests cannot stand still."""

    folder: Path
    width: int
    height: int
    max_idle_frames: int = 20
    action_space: ActionSpace = ACTION_SPACE

    @property
    def action_names(self) -> tuple[str, ...]:
        return self.action_space.entries

    @property
    def reading(self) -> str:
        told = hashlib.sha256(repr(self.action_space).encode()).hexdigest()[:8]
        size = f"{self.width}x{self.height}"
        return f"{size}, at most {self.max_idle_frames} idle frames, actions {told}, cut at faults"

    def names(self) -> list[str]:
        """Raises FileNotFoundError for a missing folder."""
        if not self.folder.is_dir():
            raise FileNotFoundError(f"no folder of recordings at {self.folder}")
        return sorted(video.stem for video in self.folder.glob("*.mp4"))

    def split(self, name: str) -> Split:
        """Splits by the player's session, because its chunks show one place; by hash, so later
        recordings move no earlier one."""
        session = _DATE_AND_TIME.sub("", name)
        percent = int.from_bytes(hashlib.sha256(session.encode()).digest()[:8]) % 100
        if percent < _HELD_OUT:
            return "held_out"
        return "validation" if percent < _HELD_OUT + _VALIDATION else "train"

    def files(self, name: str) -> tuple[Path, ...]:
        both = (self.folder / f"{name}.mp4", self.folder / f"{name}.jsonl")
        return tuple(path for path in both if path.exists())

    def open(self, name: str) -> Recording:
        """The usable frames of a recording. Unusable parts cost the frames around them and are
        counted by reason in `lost`. Raises DamagedRecording for a recording without usable
        frames."""
        read = read_lines(self.folder / f"{name}.jsonl")
        video = read_video(self.folder / f"{name}.mp4", width=self.width, height=self.height)
        num_frames = min(len(read), len(video.frames))
        if len(read) - num_frames + len(video.frames) - num_frames > _most_unpaired(num_frames):
            raise DamagedRecording("as many lines as frames expected")
        lost = Counter(str(line) for line in read if isinstance(line, LineFault))
        lost["line without a frame"] = max(0, len(read) - num_frames - 1)  # one more is usual
        lost["frame without a line"] = len(video.frames) - num_frames
        lost["hole in time"] = int(video.holes[:num_frames].sum())
        lost["film torn"] = int(video.is_torn)
        return self._recording(video, read[:num_frames], {k: n for k, n in lost.items() if n})

    def _recording(
        self, video: DecodedVideo, read: Sequence[Line | LineFault], lost: Mapping[str, int]
    ) -> Recording:
        lines = _filled(read)
        actions = _led_to(actions_of(lines, self.action_space))
        is_known = ~_led_to(~is_told(lines, self.action_space)) & ~video.holes[: len(lines)]
        is_read = np.array([isinstance(line, Line) for line in read])
        is_gui_open = np.array([line.is_gui_open for line in lines])
        kept = is_read & ~is_gui_open & (_frames_at_rest(actions) <= self.max_idle_frames)
        if not kept.any():
            raise DamagedRecording("nobody plays")
        follows = np.concatenate(([False], kept[:-1])) & is_known
        return Recording(
            frames=video.frames[: len(lines)][kept],
            actions=actions[kept],
            poses=np.zeros((int(kept.sum()), 3), np.float32),
            cuts=~follows[kept],
            lost=lost,
        )


def _most_unpaired(num_frames: int) -> int:
    """Allowed surplus of lines or frames at the end. Beyond a twentieth, line i does not belong to
    frame i."""
    return max(2, num_frames // 20)


def _filled(read: Sequence[Line | LineFault]) -> list[Line]:
    """A line for each frame. An unusable line becomes a line without keys and with the hotbar slot
    of the next line, so a slot change in between counts there."""
    lines: list[Line] = []
    following = NOTHING_PRESSED
    for line in reversed(read):
        following = (
            line if isinstance(line, Line) else replace(NOTHING_PRESSED, hotbar=following.hotbar)
        )
        lines.append(following)
    return lines[::-1]


def _led_to(from_lines: NDArray[T]) -> NDArray[T]:
    """Shifts values per line to the frames that the lines lead to; the first frame gets zeros."""
    return np.concatenate((np.zeros_like(from_lines[:1]), from_lines[:-1]))


def _frames_at_rest(actions_NA: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of successive frames without any input, up to and including each frame."""
    index = np.arange(1, len(actions_NA) + 1)
    last_action = np.maximum.accumulate(np.where(actions_NA.any(axis=1), index, 0))
    at_rest: NDArray[np.int64] = index - last_action
    return at_rest
