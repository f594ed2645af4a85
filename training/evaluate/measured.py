"""How a world is measured: one of tiles by its oracle, any other by networks and probes."""

from model.world import World
from training.data.recording import load_recordings
from training.evaluate.evaluation import Evaluation, evaluate
from training.evaluate.held_out import record_held_out
from training.evaluate.material import ExternalMetrics, gather
from training.evaluate.tiles.evaluation import TileEvaluation, evaluate_tiles
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import EvaluationBudget
from training.run import Run


def measure(
    world: World,
    recipe: Recipe,
    run: Run,
    budget: EvaluationBudget,
    *,
    num_steps: int,
    teacher: World | None = None,
    given: ExternalMetrics | None = None,
) -> Evaluation | TileEvaluation:
    """Records the held-out play that is not in `run` yet. `teacher` and `given` are for worlds that
    networks measure."""
    if not recipe.is_tiled:
        material = gather(recipe, run, budget, given)
        return evaluate(world, material, num_steps=num_steps, teacher=teacher)
    record_held_out(recipe, run, processes=1)
    held_out = load_recordings(run.held_out_recordings)
    return evaluate_tiles(world, held_out, budget, num_steps=num_steps)
