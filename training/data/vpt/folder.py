"""Recordings in the form of OpenAI's Video PreTraining data: `name.mp4` beside `name.jsonl`, at
20 frames a second. Line i holds what was pressed while frame i was on screen, so it leads to
frame i + 1.
"""

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
    """Recordings read at this size in pixels, their actions in the words of `action_space`. Frames
    with an open menu are dropped, and so is all of a rest but its first `max_idle_frames`; the film
    is cut there, and where a button led on that the space lacks. MineWorld and its siblings keep no
    rest at all (0), but a model that never saw one cannot stand still."""

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
        """Raises FileNotFoundError where there is no such folder."""
        if not self.folder.is_dir():
            raise FileNotFoundError(f"no folder of recordings at {self.folder}")
        return sorted(video.stem for video in self.folder.glob("*.mp4"))

    def split(self, name: str) -> Split:
        """By the session of the player, whose chunks show the same place; by hash, so that
        recordings that come later move none."""
        session = _DATE_AND_TIME.sub("", name)
        percent = int.from_bytes(hashlib.sha256(session.encode()).digest()[:8]) % 100
        if percent < _HELD_OUT:
            return "held_out"
        return "validation" if percent < _HELD_OUT + _VALIDATION else "train"

    def files(self, name: str) -> tuple[Path, ...]:
        both = (self.folder / f"{name}.mp4", self.folder / f"{name}.jsonl")
        return tuple(path for path in both if path.exists())

    def open(self, name: str) -> Recording:
        """What is worth learning from. What cannot be used costs the frames around it, counted by
        reason in `lost`. Raises DamagedRecording where nothing is left."""
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
    """Lines or frames too many at the end: beyond a twentieth, line i is not that of frame i."""
    return max(2, num_frames // 20)


def _filled(read: Sequence[Line | LineFault]) -> list[Line]:
    """A line for each frame. Where none can be used, one without keys and with the slot of the
    next, so that a slot chosen meanwhile counts as chosen there."""
    lines: list[Line] = []
    following = NOTHING_PRESSED
    for line in reversed(read):
        following = (
            line if isinstance(line, Line) else replace(NOTHING_PRESSED, hotbar=following.hotbar)
        )
        lines.append(following)
    return lines[::-1]


def _led_to(from_lines: NDArray[T]) -> NDArray[T]:
    """By frame what was by line; nothing led to the first frame."""
    return np.concatenate((np.zeros_like(from_lines[:1]), from_lines[:-1]))


def _frames_at_rest(actions_NA: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many frames in a row, up to and with this one, nobody did anything."""
    index = np.arange(1, len(actions_NA) + 1)
    last_action = np.maximum.accumulate(np.where(actions_NA.any(axis=1), index, 0))
    at_rest: NDArray[np.int64] = index - last_action
    return at_rest
