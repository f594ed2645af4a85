"""Where a button goes down. Presses are rare in play and are what players judge a world by.

Shape letters: F frames, A numbers told, B buttons, N frames of one recording.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def presses(told_FA: Tensor, num_buttons: int, *, tells_presses: bool) -> Tensor:
    """Whether the action of each frame presses each button: bool (..., F, B). The first B entries
    of an action are its buttons. With `tells_presses` the next entry says that the action presses
    one; else a button is pressed where the frame before did not hold the button. The first frame
    counts as unpressed."""
    held_FB = told_FA[..., :num_buttons] > 0.5
    if tells_presses:
        pressed_FB = held_FB & (told_FA[..., num_buttons, None] > 0.5)
    else:
        pressed_FB = held_FB & ~held_FB.roll(1, dims=-2)
    pressed_FB[..., 0, :] = False
    return pressed_FB


def clips_with_presses(
    pressed_by_film: Sequence[NDArray[np.bool_]],
    starts_by_film: Sequence[NDArray[np.int64]],
    num_frames: int,
    first_frame: int,
) -> dict[int, NDArray[np.int64]]:
    """By button, for buttons that are pressed at all: numbers of the clips whose frames from
    `first_frame` on hold a press of the button. A clip's number counts the starts of all films in
    their order; a clip appears once for each press. `pressed_by_film`: (N, B) each."""
    num_buttons = pressed_by_film[0].shape[1]
    found: list[list[NDArray[np.int64]]] = [[] for _ in range(num_buttons)]
    num_before = 0
    for pressed_NB, starts in zip(pressed_by_film, starts_by_film, strict=True):
        number_N = np.full(len(pressed_NB), -1, np.int64)  # of the clip that starts at a frame
        number_N[starts] = num_before + np.arange(len(starts))
        for button in range(num_buttons):
            at = np.flatnonzero(pressed_NB[:, button])
            first = (at[:, None] - np.arange(first_frame, num_frames)).ravel()
            numbers = number_N[first[first >= 0]]
            found[button].append(numbers[numbers >= 0])
        num_before += len(starts)
    joined = {button: np.concatenate(numbers) for button, numbers in enumerate(found)}
    return {button: numbers for button, numbers in joined.items() if len(numbers)}
