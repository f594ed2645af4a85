"""Small worlds with random weights: every promise must hold for any network."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
import torch

from model import presets
from model.action_space import ActionSpace, mu_law_bins
from model.engine.types import PassPlan, PassResult
from model.engine.world_engine import WorldEngine
from model.nfd.transformer import NFDTransformer
from model.tokenizer.vae import VAE
from model.world import SamplerSpec, Start, World, WorldSpec

ActionLog = list[tuple[float, ...]]
BreakingPasses = Callable[[WorldEngine], AbstractContextManager[None]]
WINDOW = 5  # small, so that rings wrap early


def make_world(
    kind: str, *, concat_previous: bool = True, see_neighbours: bool = False, seed: int = 0
) -> World:
    preset = presets.debug()
    nfd = replace(
        preset.nfd, window=WINDOW, concat_previous=concat_previous, see_neighbours=see_neighbours
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformer, tokenizer = NFDTransformer(nfd), VAE(preset.vae)
        for module in (transformer, tokenizer):
            for parameter in module.parameters():  # adaLN-Zero starts as the zero function
                torch.nn.init.normal_(parameter, std=0.1)
        starts = tuple(
            Start(
                name=f"start-{num_frames}",
                latents_FChw=torch.randn(num_frames, nfd.latent_channels, 2, 2),
                actions_FA=torch.randn(num_frames, nfd.action_size),
            )
            for num_frames in (2, 7)  # shorter and longer than the window
        )
    spec = WorldSpec(
        name="tiny",
        version="1",
        title="A tiny world",
        width=preset.width,
        height=preset.height,
        fps=17.5,
        action_space=ActionSpace(
            buttons=("forward", "back", "left", "right", "turn_left", "turn_right", "act"),
            degrees_per_count=0.1,
            key_turn_deg=6.0,
            yaw_bins_deg=mu_law_bins(12.0, 21, 8.0),
        ),
        vae=preset.vae,
        nfd=nfd,
        sampler=SamplerSpec(
            kind=kind,
            times={1: (math.pi / 2,), 2: (math.pi / 2, 0.8), 3: (math.pi / 2, 1.1, 0.6)},
            default_steps=2,
            context_t=0.1,
        ),
        licence="none",
    )
    return World(
        spec=spec,
        tokenizer=tokenizer.eval().requires_grad_(False),
        transformer=transformer.eval().requires_grad_(False),
        starts=starts,
        digest=f"digest-{seed}",
    )


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only lose by threads, and lose much when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world("consistency")


@pytest.fixture(scope="session", params=["consistency", "euler", "without_previous"])
def any_world(request: pytest.FixtureRequest) -> World:
    """Each sampler, and networks that see in their input the previous frame, the neighbours of each
    of its cells as well, or nothing of it."""
    if request.param == "without_previous":
        return make_world("consistency", concat_previous=False)
    return make_world(request.param, see_neighbours=request.param == "euler")


@pytest.fixture(scope="session")
def another_world() -> World:
    return make_world("consistency", seed=1)


@pytest.fixture(scope="session")
def action_log() -> Callable[[int, int], ActionLog]:
    """(player, number of frames) to that player's actions: the same whenever asked."""

    def log(player: int, num_frames: int) -> ActionLog:
        generator = torch.Generator().manual_seed(player)
        values = torch.randn(num_frames, presets.debug().nfd.action_size, generator=generator)
        return [tuple(row) for row in values.tolist()]

    return log


@pytest.fixture
def breaking_passes(monkeypatch: pytest.MonkeyPatch) -> BreakingPasses:
    """Every pass of that engine is done on the device, and then raises."""

    @contextmanager
    def breaking(engine: WorldEngine) -> Iterator[None]:
        runner = engine._runner
        run = runner.run

        def break_after(plan: PassPlan) -> PassResult:
            run(plan)
            raise RuntimeError("out of memory")

        with monkeypatch.context() as patch:
            patch.setattr(runner, "run", break_after)
            yield

    return breaking
