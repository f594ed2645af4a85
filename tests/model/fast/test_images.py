"""Pictures made on the device are those made elsewhere."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.engine.image import Pixels
from model.fast.graphs.capture import Capture, uncaptured
from model.fast.graphs.decoder import Decoder
from model.fast.images.colour import yuv420
from model.tokenizer.vae import uint8_from_pixels
from model.world import World
from tests.model.fast.tape import TapePool

CPU = torch.device("cpu")


def written_out(rgb_HWC: Pixels) -> Pixels:
    """BT.601, limited range, from the definition: luma weights, and differences to luma scaled so
    that they fill 16 to 240."""
    red, green, blue = np.moveaxis(rgb_HWC.astype(np.float64) / 255, 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - luma) / 1.772, (red - luma) / 1.402

    def halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        height, width = plane.shape
        mean: NDArray[np.float64] = plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        return mean

    planes = (16 + 219 * luma, 128 + 224 * halved(cb), 128 + 224 * halved(cr))
    flat = np.concatenate([np.rint(plane).ravel() for plane in planes])
    return flat.astype(np.uint8).reshape(-1, rgb_HWC.shape[1])


def test_colours_are_those_of_the_definition() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, 6, 10, 3), dtype=np.uint8)
    rgb[0, :2, :2], rgb[0, 2:4, :2] = 255, 0
    made = yuv420(torch.from_numpy(rgb)).numpy()
    assert made.shape == (3, 9, 10)
    for one, picture in zip(made, rgb, strict=True):
        difference = np.abs(one.astype(int) - written_out(picture))
        assert difference.max() <= 1 and (difference > 0).mean() < 0.01  # ties of rounding
    assert made[0, 0, 0] == 235 and made[0, 2, 0] == 16


@pytest.mark.parametrize("capture", [uncaptured, TapePool(CPU).capture], ids=["eager", "captured"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_decoding_over_static_buffers_is_decoding(
    world: World, count: int, capture: Capture
) -> None:
    nfd = world.spec.nfd
    cell = (nfd.latent_channels, nfd.grid_height, nfd.grid_width)
    with torch.inference_mode():
        decoder = Decoder(
            world.tokenizer, (1, 2, 3), cell, precision="fp32", device=CPU, capture=capture
        )
        for seed in (0, 1):
            x = torch.randn(count, *cell, generator=torch.Generator().manual_seed(seed))
            wanted = uint8_from_pixels(world.tokenizer.decode(x))
            given = decoder(x)
            assert given.shape == (count, world.spec.height, world.spec.width, 3)
            assert (given.int() - wanted.int()).abs().max() <= 1
