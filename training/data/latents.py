"""Recordings as latents, and clips drawn from them. Knows no noise and no loss.

Shape letters: N frames of one recording, B clips, F frames of a clip, A numbers told (the action,
and in a world with a place the state behind it), C h w latent channels, rows, columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nnf
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.data.atomic_io import reading, replacing
from training.data.presses import clips_with_presses, presses
from training.data.recording import TooLittlePlay, clip_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentRecording:
    """One recording in normalised latents, with the action that leads to each frame. `cuts_N`: True
    for a frame that does not continue the previous frame. `poses_N3`: x, y and heading; None in
    latents of an older format."""

    latents_NChw: Tensor  # float16
    actions_NA: Tensor
    cuts_N: Tensor
    poses_N3: Tensor | None = None

    def save(self, path: Path) -> None:
        tensors = {"latents": self.latents_NChw, "actions": self.actions_NA, "cuts": self.cuts_N}
        if self.poses_N3 is not None:
            tensors["poses"] = self.poses_N3
        with replacing(path) as building:
            save_file(tensors, building)

    @staticmethod
    def load(path: Path) -> "LatentRecording":
        """Latents stay memory-mapped until a clip is drawn. Raises DamagedFile."""
        with reading(path, "remove it, and it is encoded anew"):
            tensors = load_file(path)
            return LatentRecording(
                latents_NChw=tensors["latents"],
                actions_NA=tensors["actions"],
                cuts_N=tensors["cuts"],
                poses_N3=tensors.get("poses"),
            )

    def conditions(self, state_size: int) -> Tensor:
        """(N, A): the actions, then the known part of the player's state (position, heading) and
        zeros. Raises ValueError for a recording without poses."""
        if not state_size:
            return self.actions_NA
        if self.poses_N3 is None:
            raise ValueError("these latents hold no poses; remove them, and all is encoded anew")
        unknown = (0, state_size - self.poses_N3.shape[1])
        return torch.cat((self.actions_NA, nnf.pad(self.poses_N3.float(), unknown)), dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """A batch of clips in normalised latents."""

    latents_BFChw: Tensor
    actions_BFA: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PressFocus:
    """A `share` of the clips hold a press of a button in their frames from `first_frame` on.
    `odds`: how often each button is chosen, relative to the others. `tells_presses`: how actions
    tell presses."""

    share: float
    first_frame: int
    odds: tuple[float, ...]
    tells_presses: bool


class ClipSource:
    """Draws clips without cuts, uniformly over all recordings, onto the training device; with a
    `focus`, clips with button presses more often. A draw depends on the generator alone, so any
    step can be repeated without earlier steps."""

    def __init__(
        self,
        recordings: Sequence[LatentRecording],
        num_frames: int,
        batch_size: int,
        device: torch.device,
        *,
        state_size: int = 0,
        focus: PressFocus | None = None,
    ) -> None:
        """`state_size`: numbers of a state after each action. Raises TooLittlePlay, and ValueError
        for recordings without poses where a state is needed."""
        self._recordings = recordings
        self._conditions = [recording.conditions(state_size) for recording in recordings]
        self._starts = [
            clip_starts(recording.cuts_N.numpy(), num_frames) for recording in recordings
        ]
        self._firsts = np.cumsum([0] + [len(starts) for starts in self._starts])
        if not len(self):
            raise TooLittlePlay(f"no recording is {num_frames} frames long without a cut")
        self._num_frames = num_frames
        self._batch_size = batch_size
        self._device = device
        self._focus = focus
        self._by_button = {} if focus is None else self._clips_by_button(focus)
        odds = [focus.odds[button] for button in self._by_button] if focus else []
        self._odds = np.cumsum(odds)

    def __len__(self) -> int:
        """The number of different clips."""
        return int(self._firsts[-1])

    def draw(self, generator: torch.Generator) -> Clips:
        clips = [self._clip(i) for i in self._pick(generator)]
        latents, actions = (
            torch.stack(tensors).to(self._device) for tensors in zip(*clips, strict=True)
        )
        return Clips(latents_BFChw=latents.float(), actions_BFA=actions)

    def _pick(self, generator: torch.Generator) -> list[int]:
        """Numbers of a batch's clips."""
        device, size = generator.device, (self._batch_size,)
        picked: list[int] = torch.randint(
            len(self), size, generator=generator, device=device
        ).tolist()
        if self._focus is None or not self._by_button:
            return picked
        clips_by_button = [*self._by_button.values()]
        draws_B3 = torch.rand((*size, 3), generator=generator, device=device).tolist()
        for i, (chosen, button, clip) in enumerate(draws_B3):
            if chosen < self._focus.share:
                at = int(np.searchsorted(self._odds, button * self._odds[-1], side="right"))
                clips = clips_by_button[at]
                picked[i] = int(clips[int(clip * len(clips))])
        return picked

    def _clips_by_button(self, focus: PressFocus) -> dict[int, NDArray[np.int64]]:
        pressed = [
            presses(
                recording.actions_NA, len(focus.odds), tells_presses=focus.tells_presses
            ).numpy()
            for recording in self._recordings
        ]
        return clips_with_presses(pressed, self._starts, self._num_frames, focus.first_frame)

    def _clip(self, index: int) -> tuple[Tensor, Tensor]:
        i = int(np.searchsorted(self._firsts, index, side="right")) - 1
        first = int(self._starts[i][index - self._firsts[i]])
        frames = slice(first, first + self._num_frames)
        return self._recordings[i].latents_NChw[frames], self._conditions[i][frames]
