"""How much an evaluation measures: a value that recipes and commands choose. Measures nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationBudget:
    """`num_passages` evaluation clips and `num_probes` probes. `long_rollouts`: pairs of (frames,
    number of rollouts as long). `inverse_dynamics_steps`: training steps of the inverse dynamics
    model."""

    num_passages: int
    num_probes: int
    long_rollouts: tuple[tuple[int, int], ...]
    inverse_dynamics_steps: int
    is_quick: bool = False


FULL = EvaluationBudget(
    num_passages=24,
    num_probes=20,
    long_rollouts=((1000, 4), (300, 8)),
    inverse_dynamics_steps=900,
)
QUICK = EvaluationBudget(
    num_passages=8,
    num_probes=4,
    long_rollouts=((64, 4),),
    inverse_dynamics_steps=900,
    is_quick=True,
)
TOY = EvaluationBudget(
    num_passages=12,
    num_probes=8,
    long_rollouts=((300, 2), (64, 4)),
    inverse_dynamics_steps=200,
)
TILES = EvaluationBudget(
    num_passages=24, num_probes=0, long_rollouts=((1000, 2),), inverse_dynamics_steps=0
)
QUICK_TILES = EvaluationBudget(
    num_passages=10,
    num_probes=0,
    long_rollouts=((64, 2),),
    inverse_dynamics_steps=0,
    is_quick=True,
)
