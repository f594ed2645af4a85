"""A toy world with random weights, the play it is measured on, and a reader taught for seconds."""

from dataclasses import replace

import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.tokenizer.vae import VAE
from model.world import World, WorldSpec
from training.data.games.probes import plans, recorded_answers
from training.data.games.toy import ToyRecorder
from training.evaluate.material import Material, gather
from training.evaluate.rollouts.generate import start_clip
from training.recipes.debug import debug
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import EvaluationBudget
from training.run import Run

EXTENT = EvaluationBudget(
    num_passages=4, num_probes=2, long_rollouts=((64, 2), (20, 2)), inverse_dynamics_steps=80
)


def tiny_recipe() -> Recipe:
    recipe = debug()
    record = replace(
        recipe.record, held_out_frames=200, held_out_episodes=1, probes=2,
        inverse_dynamics_frames=2_400, inverse_dynamics_episodes=3,
    )  # fmt: skip
    return replace(recipe, record=record, evaluation=EXTENT)


def film_ahead(recipe: Recipe, run: Run) -> None:
    """What would be filmed in other processes, filmed here: starting one takes longer."""
    plan = recipe.record
    inverse_dynamics = run.folder / "reader" / "recordings"
    for folder, frames, num_episodes, seed in (
        (run.held_out_recordings, plan.held_out_frames, plan.held_out_episodes, plan.held_out_seed),
        (
            inverse_dynamics,
            plan.inverse_dynamics_frames,
            plan.inverse_dynamics_episodes,
            plan.inverse_dynamics_seed,
        ),
    ):
        for take in range(num_episodes):
            film = ToyRecorder().record(num_frames=frames // num_episodes, seed=seed + take)
            film.save(folder / f"{take:05d}")
    held_inputs = plans(recipe.action_space.key_turn_deg)
    for probe in range(plan.probes):
        films = recorded_answers(
            ToyRecorder(), held_inputs, plan.probe_seed + probe, least_walk=plan.least_walk,
            context_frames=recipe.preset.nfd.window,
        )  # fmt: skip
        assert films is not None  # nothing blocks the way in the toy world
        for name, film in films.items():
            film.save(run.probes / f"{probe:03d}" / name)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return tiny_recipe()


@pytest.fixture(scope="session")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("run"))
    film_ahead(recipe, run)
    return run


@pytest.fixture(scope="session")
def material(recipe: Recipe, run: Run) -> Material:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gathered = gather(recipe, run, recipe.evaluation)
    torch.set_num_threads(threads)
    return gathered


@pytest.fixture(scope="session")
def world(recipe: Recipe, material: Material) -> World:
    torch.manual_seed(0)
    preset = recipe.preset
    tokenizer, transformer = VAE(preset.vae).eval(), NFDTransformer(preset.nfd).eval()
    spec = WorldSpec(
        name=recipe.name, version=recipe.version, title=recipe.title, width=preset.width,
        height=preset.height, fps=recipe.fps, action_space=recipe.action_space, vae=preset.vae,
        nfd=preset.nfd, sampler=recipe.student_sampler, licence=recipe.licence,
    )  # fmt: skip
    start = start_clip(tokenizer, material.clips[0].context, name="start")
    return World(
        spec=spec, tokenizer=tokenizer, transformer=transformer, starts=(start,), digest="random"
    )
