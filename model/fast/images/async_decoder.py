"""Decoding on a second stream, under the next passes. Never run: no GPU was available when the
module was written.

Shape letters: B images, C h w latent channels, rows, columns, H W pixels.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.engine.image import FrameImage, Pixels
from model.fast.images.colour import yuv420

_MAX_UNFINISHED = 2  # passes with unfinished images: the next pass waits


class AsyncDecoder:
    """Owns the second stream and knows which decodings are unfinished."""

    def __init__(self, decode: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """`decode`: clean latents to uint8 (B, H, W, 3)."""
        self._decoder = decode
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._unfinished: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()
        self.decode_s = 0.0  # of the newest finished decoding

    def decode(self, x_BChw: Tensor) -> Sequence[FrameImage]:
        """Images of latents that the current stream computes; returns at once."""
        self._forget_finished()
        begun, done = _event(), _event()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            begun.record()
            rgb_BHWC = self._decoder(x_BChw)
            rgb, yuv = _to_host(rgb_BHWC), _to_host(yuv420(rgb_BHWC))
            done.record()
        x_BChw.record_stream(self._stream)
        self._unfinished.append((begun, done))
        return [
            _UnfinishedImage(done=done, planes=(one_rgb.numpy(), one_yuv.numpy()))
            for one_rgb, one_yuv in zip(rgb, yuv, strict=True)
        ]

    def _forget_finished(self) -> None:
        """Forgets finished passes; waits while too many are unfinished."""
        while self._unfinished:
            begun, done = self._unfinished[0]
            if len(self._unfinished) == _MAX_UNFINISHED:
                done.synchronize()
            elif not done.query():  # type: ignore[no-untyped-call]
                return
            self.decode_s = begun.elapsed_time(done) / 1e3
            self._unfinished.popleft()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _UnfinishedImage:
    """An image whose copy to the host has begun."""

    done: torch.cuda.Event
    planes: tuple[Pixels, Pixels]  # RGB and YUV, not to be read before `done`

    def rgb(self) -> Pixels:
        self.done.synchronize()
        return self.planes[0]

    def yuv420(self) -> Pixels:
        self.done.synchronize()
        return self.planes[1]


def _to_host(tensor: Tensor) -> Tensor:
    """In pinned memory, which a copy can reach while the host goes on."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def _event() -> torch.cuda.Event:
    """A host that waits for the event sleeps."""
    return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
