"""Asynchronous decoding: how many images may be unfinished, and the time of finished ones.
Streams and events are faked; what they do on a GPU is for a GPU to say."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from model.fast.images import async_decoder
from model.fast.images.async_decoder import AsyncDecoder


class Event:
    """Done when somebody waits for it, or when told so."""

    def __init__(self) -> None:
        self.is_done = False

    def record(self) -> None:
        return

    def query(self) -> bool:
        return self.is_done

    def synchronize(self) -> None:
        self.is_done = True

    def elapsed_time(self, end: "Event") -> float:
        assert end.is_done
        return 4.0


class Stream:
    def __init__(self, device: torch.device) -> None:
        return

    def wait_stream(self, other: "Stream") -> None:
        return


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    made: list[Event] = []

    def event() -> Event:
        made.append(Event())
        return made[-1]

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    monkeypatch.setattr(async_decoder, "_event", event)
    monkeypatch.setattr(async_decoder, "_to_host", Tensor.clone)
    return made


def grey(latents_BChw: Tensor) -> Tensor:
    """Pictures of 2 x 4 pixels, as bright as their first latent."""
    bright = latents_BChw[:, 0, 0, 0].to(torch.uint8)
    return bright.view(-1, 1, 1, 1).expand(-1, 2, 4, 3).contiguous()


def test_a_picture_is_waited_for_by_whoever_asks(events: list[Event]) -> None:
    decoding = AsyncDecoder(grey, torch.device("cpu"))
    one, other = decoding.decode(torch.tensor([16.0, 235.0]).view(2, 1, 1, 1))
    done = events[-1]
    assert not done.is_done
    assert (other.rgb() == 235).all() and done.is_done
    yuv = one.yuv420()
    assert yuv is not None and yuv.shape == (3, 4) and (yuv[2] == 128).all()


def test_at_most_two_passes_of_pictures_are_on_their_way(events: list[Event]) -> None:
    decoding = AsyncDecoder(grey, torch.device("cpu"))
    for _ in range(4):
        decoding.decode(torch.zeros(1, 1, 1, 1))
    ends = events[1::2]
    assert [end.is_done for end in ends] == [True, True, False, False]


def test_the_time_of_the_newest_picture_that_is_there_is_known(events: list[Event]) -> None:
    decoding = AsyncDecoder(grey, torch.device("cpu"))
    decoding.decode(torch.zeros(1, 1, 1, 1))
    assert decoding.decode_s == 0.0
    events[-1].is_done = True
    decoding.decode(torch.zeros(1, 1, 1, 1))
    assert decoding.decode_s == 0.004
