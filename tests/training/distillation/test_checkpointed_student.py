"""A student that must save memory learns the same; and how much memory the paper's world takes."""

import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.nfd.transformer import NFDConfig, NFDTransformer
from tests.training.tiny import clips, transformer
from training.data.latents import Clips, ClipSource
from training.distillation.clips import NoisyClips
from training.distillation.continuous import direction_and_jvp, direction_and_jvp_apart
from training.distillation.objective import distillation
from training.distillation.student import Student
from training.loop.activation_checkpointing import checkpoint_blocks
from training.loop.optimizers import student_optimizers
from training.recipes.minecraft import minecraft
from training.recipes.settings.noise import NoiseMixture


def test_two_passes_over_checkpointed_blocks_give_what_one_gives() -> None:
    batch = NoisyClips.draw(clips(), NoiseMixture(), torch.Generator().manual_seed(0))
    velocity, towards = torch.randn(2, *batch.clean_BFChw.shape)
    plain, thrifty = transformer(), transformer()
    checkpoint_blocks(thrifty)
    found = []
    for network, differentiate in ((plain, direction_and_jvp), (thrifty, direction_and_jvp_apart)):
        direction, jvp = differentiate(network, batch, velocity)
        gradients = torch.autograd.grad((direction * towards).sum(), list(network.parameters()))
        found.append((direction, jvp, *gradients))
        assert direction.requires_grad
    assert not found[1][1].requires_grad
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


class _MemoryInUse(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of all tensors that are alive, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_bytes: int = 0
        self.peak_bytes: int = 0
        self._alive: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        # What a boolean mask picks has no size without values; it is a handful of numbers.
        if key not in self._alive and isinstance(size, int):
            self._alive.add(key)
            self.num_bytes += size
            self.peak_bytes = max(self.peak_bytes, self.num_bytes)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self.num_bytes -= size


class _NoValues(ClipSource):
    """Clips of the right shape."""

    def __init__(self, config: NFDConfig, batch_size: int) -> None:
        self._frames = (batch_size, config.window)
        self._latent = (config.latent_channels, config.grid_height, config.grid_width)
        self._action_size = config.action_size

    def draw(self, generator: torch.Generator) -> Clips:
        return Clips(
            latents_BFChw=torch.zeros(*self._frames, *self._latent),
            actions_BFA=torch.zeros(*self._frames, self._action_size),
        )


def _peak_gib(num_layers: int) -> float:
    """Of one step of the paper's student with so many of its layers, average and all."""
    recipe = minecraft()
    config = replace(recipe.preset.nfd, num_layers=num_layers)
    memory = _MemoryInUse()
    with FakeTensorMode(shape_env=ShapeEnv()), memory:
        teacher = NFDTransformer(config).requires_grad_(False)
        student, _average = (Student(NFDTransformer(config)) for _ in range(2))
        for network in (student.transformer, teacher):
            checkpoint_blocks(network)
        settings = recipe.student
        objective = distillation(student, teacher, _NoValues(config, settings.batch_size), settings)
        for parameter in student.parameters():
            parameter.grad = torch.zeros_like(parameter)
        for optimizer in student_optimizers(student, muon_lr=1e-5, adamw_lr=1e-5, critic_lr=1e-5):
            optimizer.step()  # so that it remembers something
        objective(torch.Generator(), 0)["loss"].backward()  # type: ignore[no-untyped-call]
    return memory.peak_bytes / 2**30


@pytest.mark.large
@pytest.mark.timeout(1200)
def test_a_step_of_the_papers_student_fits_a_gpu_of_24_gib() -> None:
    """Reckoned without values; every layer adds the same."""
    few, more = _peak_gib(4), _peak_gib(5)
    whole = few + (minecraft().preset.nfd.num_layers - 4) * (more - few)
    print(f"a step of the paper's student: {whole:.1f} GiB")
    assert whole < 24
