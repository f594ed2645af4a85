"""What a graph captures stays on the device and looks at no value. Each is tried on two devices:
`meta`, whose tensors have no values and do not mix with the host's, and the CPU, on which a tensor
made of the host's values is noticed."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from model.cache.kv_cache import KVCache
from model.fast.graphs.denoiser import Denoising
from model.fast.graphs.inputs import RowInputs
from model.fast.images.colour import yuv420
from model.fast.sub_batches.context_attention import gathered_attention
from model.fast.sub_batches.layout import NUM_FIELDS
from model.sampling.sampler import make_sampler
from model.tokenizer.vae import uint8_from_pixels
from model.world import World
from tests.model.fast.tape import NotCapturable, Tape

CPU, META = torch.device("cpu"), torch.device("meta")
SIZES = (2, 2, 1)  # two sessions remember and draw, one of them draws another frame along


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[None]:
    """Autocast knows no such device; in fp32 it does nothing anyway."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    with torch.inference_mode():
        yield


on_both = pytest.mark.parametrize("device", [CPU, META], ids=str)


@on_both
@pytest.mark.parametrize("sampler", ["consistency", "euler"])
def test_a_pass_stays_on_the_device(world: World, sampler: str, device: torch.device) -> None:
    transformer = deepcopy(world.transformer).to(device)
    like = transformer.embed.weight
    store = KVCache(world.spec.nfd, num_slots=2, pages_per_slot=5, num_sinks=2, like=like)
    compute = Denoising(
        transformer=transformer,
        store=store,
        sampler=make_sampler(sampler),
        attend=gathered_attention,
        precision="fp32",
    )
    rows = RowInputs.zeros(world.spec.nfd, num_rows=sum(SIZES), device=device)
    mapping_BI = torch.zeros(sum(SIZES), NUM_FIELDS + 2, dtype=torch.int64, device=device)
    with Tape():
        after = compute(rows, mapping_BI, SIZES)
    assert after.device == device and after.shape == rows.latents_BChw.shape


@on_both
def test_so_do_decoding_and_the_encoders_colours(world: World, device: torch.device) -> None:
    nfd = world.spec.nfd
    tokenizer = deepcopy(world.tokenizer).to(device)
    x = torch.zeros(3, nfd.latent_channels, nfd.grid_height, nfd.grid_width, device=device)
    with Tape():
        rgb = uint8_from_pixels(tokenizer.decode(x))
        yuv = yuv420(rgb)
    assert rgb.device == yuv.device == device
    assert yuv.shape == (3, world.spec.height * 3 // 2, world.spec.width)


MISTAKES: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x[0].item(),
    "truth": lambda x: bool((x > 0).any()),
    "to the host": lambda x: x.cpu(),
    "from the host": lambda x: x + torch.tensor([1.0, 2.0], device=x.device),
    "host tensor": lambda x: x + torch.ones(2),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "as many as": lambda x: x.repeat_interleave(torch.ones(2, dtype=torch.int64, device=x.device)),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_would_be_noticed(mistake: Callable[[Tensor], object]) -> None:
    assert is_noticed(mistake, CPU) or is_noticed(mistake, META)


def is_noticed(mistake: Callable[[Tensor], object], device: torch.device) -> bool:
    x = torch.zeros(2, device=device)
    try:
        with Tape():
            mistake(x)
    except (NotCapturable, RuntimeError):
        return True
    return False
