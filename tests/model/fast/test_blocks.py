"""Other forms of a block are the block: cut in two, fused by hand, compiled."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.attention.backend import MaskedAttention
from model.fast.blocks.compiled import CompileCache, compiled
from model.fast.blocks.operations import BlockOperations, with_operations
from model.nfd.transformer import NFDTransformer, Previous
from model.world import World

FRAMES = 3
ROOT = Path(__file__).parents[3]


def directions(network: NFDTransformer, *, sessions: int = 2) -> Tensor:
    config = network.config
    generator = torch.Generator().manual_seed(0)
    cell = (config.latent_channels, config.grid_height, config.grid_width)
    x = torch.randn(sessions, FRAMES, *cell, generator=generator)
    t = torch.rand(sessions, FRAMES, generator=generator)
    actions = torch.randn(sessions, FRAMES, config.action_size, generator=generator)
    attend = MaskedAttention(FRAMES, config.tokens_per_frame, config.window, x)
    positions = torch.arange(FRAMES)[None].expand(sessions, -1) + 5
    with torch.inference_mode():
        given: Tensor = network(x, t, actions, positions, Previous.absent(x), attend)
    return given


@pytest.fixture
def network(world: World) -> NFDTransformer:
    return world.transformer


def with_operations_of(network: NFDTransformer, operations: BlockOperations) -> NFDTransformer:
    return with_operations(network, operations.project, operations.finish)


def test_a_block_in_halves_is_the_block_over_the_same_weights(network: NFDTransformer) -> None:
    twin = with_operations_of(network, BlockOperations())
    torch.testing.assert_close(directions(twin), directions(network), atol=1e-6, rtol=0)
    mine, its = list(network.parameters()), list(twin.parameters())
    assert all(one is other for one, other in zip(mine, its, strict=True))
    assert type(network.blocks[0]).__name__ == "DiTBlock"


def test_fused_kernels_are_what_they_stand_for() -> None:
    """In Triton's interpreter, which must be chosen before Triton is imported."""
    pytest.importorskip("triton")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.fast.interpreted"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_half_is_compiled_once_for_all_layers(network: NFDTransformer) -> None:
    compilations = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        compilations.append(graph)
        return graph.forward

    operations = BlockOperations()
    project = compiled(operations.project, backend=count)
    finish = compiled(operations.finish, backend=count)
    twin = with_operations(network, project, finish)
    assert len(network.blocks) > 1
    torch.testing.assert_close(directions(twin), directions(network), atol=1e-6, rtol=0)
    assert len(compilations) == 2


def test_a_cache_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """It holds code."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(ValueError, match="nobody else"):
        CompileCache(shared)
    cache = CompileCache(tmp_path / "mine")
    assert not cache.load()


@pytest.mark.large
@pytest.mark.timeout(400)
def test_what_a_process_has_compiled_the_next_one_loads(tmp_path: Path) -> None:
    """Only by our file: torch's own cache is another folder for each."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler here")

    def compute(name: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.model.fast.kept", str(tmp_path / "ours")],
            cwd=ROOT, env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / name)},
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, object] = json.loads(done.stdout)
        return found

    first, second = compute("first"), compute("second")
    assert (first["was_loaded"], first["num_compiled"]) == (False, 1)
    assert (second["was_loaded"], second["num_compiled"]) == (True, 0)
    assert second["result"] == first["result"]
