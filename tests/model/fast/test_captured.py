"""What a graph captures never looks at a value: here tensors have none, and a look fails. (Devices
cannot be pretended as well without a GPU's build of torch.)"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import chain
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from model.attention.context import gathered_attention
from model.cache.kv_store import KVStore
from model.cache.places import NUM_FIELDS
from model.fast.graphs.denoiser import Denoising
from model.fast.graphs.inputs import RowInputs
from model.fast.pictures.colour import yuv420
from model.sampling.sampler import make_sampler
from model.tokenizer.vae import uint8_from_pixels
from model.world import World

SIZES = (2, 1)  # one session remembers a frame and draws the next, another draws
AnyModule = TypeVar("AnyModule", bound=nn.Module)
Thing = TypeVar("Thing")


@pytest.fixture
def store(world: World) -> KVStore:
    like = world.transformer.embed.weight
    return KVStore(world.spec.nfd, num_slots=2, pages_per_slot=5, num_sinks=2, like=like)


@pytest.fixture(autouse=True)
def pretending(world: World, store: KVStore) -> Iterator[None]:
    """From when there is something to be pretended of."""
    with FakeTensorMode(), torch.inference_mode():
        yield


def valueless(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype)


def without_values(thing: Thing, tensors: Iterable[Tensor]) -> Thing:
    """A copy whose tensors have none."""
    memo: dict[int, object] = {}
    for tensor in tensors:
        moved = valueless(tensor)
        is_parameter = isinstance(tensor, nn.Parameter)
        memo[id(tensor)] = nn.Parameter(moved, requires_grad=False) if is_parameter else moved
    return deepcopy(thing, memo)


def module_without_values(module: AnyModule) -> AnyModule:
    return without_values(module, chain(module.parameters(), module.buffers()))


@pytest.mark.parametrize("sampler", ["consistency", "euler"])
def test_a_pass_looks_at_no_value(world: World, store: KVStore, sampler: str) -> None:
    tensors = [value for value in vars(store).values() if isinstance(value, Tensor)]
    compute = Denoising(
        transformer=module_without_values(world.transformer),
        store=without_values(store, tensors),
        sampler=make_sampler(sampler),
        attend=gathered_attention,
        precision="fp32",
    )
    num_rows, num_columns = sum(SIZES), NUM_FIELDS + store.num_sinks
    rows = RowInputs.zeros(world.spec.nfd, num_rows=num_rows, device=torch.device("cpu"))
    places = torch.zeros(num_rows, num_columns, dtype=torch.int64)
    after = compute(rows, places, SIZES)
    assert after.shape == rows.latents_BChw.shape


def test_neither_does_decoding_nor_the_encoders_colours(world: World) -> None:
    nfd = world.spec.nfd
    x = torch.zeros(3, nfd.latent_channels, nfd.grid_height, nfd.grid_width)
    rgb = uint8_from_pixels(module_without_values(world.tokenizer).decode(x))
    assert rgb.dtype == torch.uint8
    assert yuv420(rgb).shape == (3, world.spec.height * 3 // 2, world.spec.width)


def test_a_look_would_be_noticed() -> None:
    with pytest.raises(DataDependentOutputException):
        torch.zeros(1).item()
