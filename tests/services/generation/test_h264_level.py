"""H.264 level 3.1 is promised to every browser: no frame size and no bit rate exceeds the level."""

import pytest

from services.generation.video.bitrate import choose_bit_rates
from services.generation.video.h264_level import MAX_BIT_RATE, choose_upscale, fits_level


@pytest.mark.parametrize(
    ("width", "height", "fps", "fits"),
    [
        (1280, 720, 30.0, True),  # the level's own example
        (1280, 720, 30.1, False),
        (1280, 736, 10.0, False),
        (512, 320, 17.5, True),
        (1536, 896, 20.0, False),  # the paper's world, four times larger
        (2720, 16, 1.0, False),
        (1265, 711, 30.0, True),  # macroblocks are whole
    ],
)
def test_the_level_is_that_of_the_standard(width: int, height: int, fps: float, fits: bool) -> None:
    assert fits_level(width, height, fps) is fits


def test_a_world_is_shown_as_large_as_fits_and_at_most_four_times() -> None:
    assert choose_upscale(0, 128, 80, 17.5) == 4
    assert choose_upscale(0, 384, 224, 20.0) == 3
    assert choose_upscale(1, 384, 224, 20.0) == 1
    assert choose_upscale(8, 128, 80, 17.5) == 8


def test_a_setting_above_the_level_is_refused_with_what_would_do() -> None:
    with pytest.raises(ValueError, match=r"_UPSCALE=4 makes pictures of 1536x896 .* at most 3"):
        choose_upscale(4, 384, 224, 20.0)
    with pytest.raises(ValueError, match="1920x1080"):
        choose_upscale(0, 1920, 1080, 30.0)


def test_no_bit_rate_is_above_the_level() -> None:
    assert max(choose_bit_rates(1280, 720, 30.0)) == MAX_BIT_RATE
    assert choose_bit_rates(512, 320, 17.5) == (344_064, 1_003_520, 2_007_040)
