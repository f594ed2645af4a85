"""A view's cost is counted once a frame, and is nothing in a world without a place."""

from dataclasses import replace

from model import presets
from model.arithmetic.costs import frame_flop, view_flop
from tests.model.place.conftest import PLACE


def test_a_view_is_paid_once_a_frame() -> None:
    preset = presets.debug()
    placed = replace(preset, nfd=replace(preset.nfd, place=PLACE))
    matrices = PLACE.num_layers * 12 * PLACE.width**2 * preset.nfd.tokens_per_frame
    assert view_flop(placed.nfd) > 2 * matrices
    assert view_flop(preset.nfd) == 0
    for steps in (1, 3):
        more = frame_flop(placed, num_steps=steps, frames_seen=8)
        assert more - frame_flop(preset, num_steps=steps, frames_seen=8) == view_flop(placed.nfd)
