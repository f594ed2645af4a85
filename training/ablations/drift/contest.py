"""Methods against drift at equal compute from one teacher, measured alike. Each method trains in a
folder of its own that shares all other files with the run."""

import copy
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from model.world import World
from training.ablations.equal_compute import costs_s
from training.evaluate.evaluation import evaluate
from training.evaluate.material import Material, gather
from training.evaluate.report.card import Card
from training.loop.trainer import Budget
from training.pipeline.release import build_world
from training.pipeline.run_state import has_ended, spent_on
from training.pipeline.stages.teacher import teacher_objective, train_teacher, trained_teacher
from training.recipes.recipe import AsServedRecipe, Recipe
from training.recipes.settings.history import TRUTH, HistorySettings
from training.run import Run

BEFORE = "before"
_LONG = ((300, 8),)  # frames, dreams
_EMA_DECAY = 0.98  # the average must not still be where it began when so short a training ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The changes of one row to the recipe's teacher; all rows share the noise and the recorded
    past."""

    history: HistorySettings = TRUTH
    as_served: AsServedRecipe | None = None
    served_share: float = 0.0

    def applied_to(self, recipe: Recipe) -> Recipe:
        teacher = recipe.teacher
        mixture = replace(teacher.mixture, served_share=self.served_share)
        changed = replace(
            teacher,
            history=self.history,
            as_served=self.as_served,
            mixture=mixture,
            ema_decay=_EMA_DECAY,
        )
        return replace(recipe, teacher=changed)


WAYS: Mapping[str, Way] = {
    "true history": Way(),
    "clean pasts in half of the clips": Way(served_share=0.5),
    "context drop-out": Way(history=HistorySettings(dropout=0.2)),
    "own guesses": Way(history=HistorySettings(chain_share=0.5)),
    "own guesses from pure noise": Way(
        history=HistorySettings(chain_share=0.5, chain_from_noise=True)
    ),
    "own play, 4 frames": Way(history=HistorySettings(rollout_share=0.25, rollout_frames=4)),
    "own play, 16 frames": Way(history=HistorySettings(rollout_share=0.25, rollout_frames=16)),
    "as served, true past": Way(as_served=AsServedRecipe(own_every=0)),
    "as served": Way(as_served=AsServedRecipe()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """`trained`: optimisation steps since the common teacher."""

    name: str
    trained: int
    card: Card


def contest(
    recipe: Recipe, run: Run, seconds: float, ways: Mapping[str, Way] = WAYS
) -> Iterator[DriftRow]:
    """Trains each of `ways` for `seconds`, by the measured cost of its steps. A trained way is only
    measured again."""
    run.require("teacher")
    budget = replace(recipe.evaluation, long_rollouts=_LONG)
    material = gather(recipe, run, budget)
    yield DriftRow(name=BEFORE, trained=0, card=_measure(recipe, run, material))
    begun_at, _ = spent_on(run, "teacher")
    recipes = {name: way.applied_to(recipe) for name, way in ways.items()}
    for (name, way), cost_s in zip(recipes.items(), _costs_s(recipes, run), strict=True):
        other = fork(run, name)
        if spent_on(other, "teacher")[0] == begun_at or not has_ended(other, "teacher"):
            train_teacher(way, other, Budget(steps=max(1, round(seconds / cost_s))))
        trained = spent_on(other, "teacher")[0] - begun_at
        yield DriftRow(name=name, trained=trained, card=_measure(way, other, material))


def fork(run: Run, name: str) -> Run:
    """A run that continues from the teacher of `run` and shares all other files."""
    other = Run(run.folder / "drift" / name.replace(" ", "-"))
    other.folder.mkdir(parents=True, exist_ok=True)
    for entry in run.folder.iterdir():
        target = other.folder / entry.name
        if target.exists() or entry.name == "drift":
            continue
        if entry.stem == "teacher":
            shutil.copy(entry, target)
        else:
            target.symlink_to(entry.resolve())
    return other


def _costs_s(recipes: Mapping[str, Recipe], run: Run) -> list[float]:
    objectives = []
    for recipe in recipes.values():
        teacher = copy.deepcopy(trained_teacher(recipe, run)).train().requires_grad_(True)
        objectives.append(teacher_objective(recipe, run, teacher))
    return costs_s(objectives)


def _measure(recipe: Recipe, run: Run, material: Material) -> Card:
    """With the default number of denoise steps only."""
    world = build_world(recipe, run, "teacher")
    sampler = world.spec.sampler
    steps = sampler.default_steps
    only: World = replace(
        world,
        spec=replace(world.spec, sampler=replace(sampler, times={steps: sampler.times[steps]})),
    )
    return evaluate(only, material, num_steps=steps).card
