"""Decoding on a second stream, under the passes that come next. Never run: no GPU was at hand when
it was written.

Shape letters: B pictures, C h w latent channels, rows, columns, H W pixels.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.engine.picture import Picture, Pixels
from model.fast.pictures.colour import yuv420

_MAX_ON_THE_WAY = 2  # passes whose pictures are not there yet: then the next one waits


class DecodingBeside:
    """Owns the second stream and knows which decodings are still on the way."""

    def __init__(self, decode: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """`decode`: clean latents to uint8 (B, H, W, 3)."""
        self._decode = decode
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._on_the_way: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()
        self.decode_s = 0.0  # of the newest decoding that is over

    def show(self, x_BChw: Tensor) -> Sequence[Picture]:
        """Pictures of latents that the current stream will have made; returns at once."""
        self._look_back()
        begun, done = _event(), _event()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            begun.record()
            rgb_BHWC = self._decode(x_BChw)
            rgb, yuv = _to_host(rgb_BHWC), _to_host(yuv420(rgb_BHWC))
            done.record()
        x_BChw.record_stream(self._stream)
        self._on_the_way.append((begun, done))
        return [
            _Coming(done=done, planes=(one_rgb.numpy(), one_yuv.numpy()))
            for one_rgb, one_yuv in zip(rgb, yuv, strict=True)
        ]

    def _look_back(self) -> None:
        """Forgets what is over; waits where too much is not."""
        while self._on_the_way:
            begun, done = self._on_the_way[0]
            if len(self._on_the_way) == _MAX_ON_THE_WAY:
                done.synchronize()
            elif not done.query():  # type: ignore[no-untyped-call]
                return
            self.decode_s = begun.elapsed_time(done) / 1e3
            self._on_the_way.popleft()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Coming:
    """A picture whose copy to the host has been asked for."""

    done: torch.cuda.Event
    planes: tuple[Pixels, Pixels]  # RGB and YUV, not to be looked at before `done`

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
    """Who waits for it sleeps."""
    return torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
