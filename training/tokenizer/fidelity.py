"""What a tokenizer keeps of frames it has not seen. The same measures as on a world's card."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.tokenizer.vae import VAE, pixels_from_uint8, uint8_from_pixels
from training.evaluate.measures.colour import measure_colour
from training.evaluate.measures.picture import gradient, psnr_db

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Shares of the real detail and of strong colours, altogether and by hue."""

    psnr_db: float
    gradient_ratio: float
    colour_kept: float
    colour_kept_by_hue: dict[str, float]

    def __str__(self) -> str:
        hues = ", ".join(f"{hue} {kept:.2f}" for hue, kept in self.colour_kept_by_hue.items())
        return (
            f"PSNR {self.psnr_db:.2f} dB, gradient kept {self.gradient_ratio:.3f}, "
            f"strong colours kept {self.colour_kept:.3f} ({hues})"
        )


def measure(vae: VAE, frames_NHWC: NDArray[np.uint8]) -> Fidelity:
    rebuilt = _rebuild(vae, frames_NHWC)
    pairs = zip(rebuilt, frames_NHWC, strict=True)
    colour = measure_colour(frames_NHWC, rebuilt)
    return Fidelity(
        psnr_db=float(np.mean([psnr_db(ours, truth) for ours, truth in pairs])),
        gradient_ratio=gradient(rebuilt) / gradient(frames_NHWC),
        colour_kept=colour.kept,
        colour_kept_by_hue=colour.kept_by_hue,
    )


@torch.no_grad()
def _rebuild(vae: VAE, frames_NHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    device = vae.latent_mean.device
    parts = [
        uint8_from_pixels(vae.decode(vae.encode(pixels_from_uint8(part.to(device))))).cpu()
        for part in torch.split(torch.from_numpy(frames_NHWC), _BATCH)
    ]
    rebuilt: NDArray[np.uint8] = torch.cat(parts).numpy()
    return rebuilt
