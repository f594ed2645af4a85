"""An engine whose passes can be looked at afterwards, for the tests of its fast forms."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from model.engine.types import ActionVector, PassPlan, PassResult
from model.engine.world_engine import WorldEngine
from model.fast.paths import FastPaths
from model.fast.runner import runner_of
from model.world import World


class Watched:
    """An engine of two drafts and a joint frame for each session, and the plans of its passes."""

    def __init__(
        self, world: World, paths: FastPaths | None, *, max_sessions: int = 2, device: str = "cpu"
    ) -> None:
        nfd = replace(world.spec.nfd, window=6)
        longer = replace(world, spec=replace(world.spec, nfd=nfd))
        self.engine = WorldEngine(
            longer,
            max_sessions=max_sessions,
            max_drafts=2,
            max_joint=1,
            make_runner=runner_of(paths),
            device=device,
        )
        self.plans: list[PassPlan] = []
        self._run = self.engine._runner.run
        self.engine._runner.run = self._watch  # type: ignore[method-assign]

    @property
    def rows_by_session(self) -> set[tuple[int, ...]]:
        """How many rows each session had, of every pass so far."""
        counts = (Counter(where.slot for where in plan.placements) for plan in self.plans)
        return {tuple(count.values()) for count in counts}

    @property
    def max_sub_batches(self) -> int:
        """The most rows that a session has had in a pass."""
        return max(max(rows) for rows in self.rows_by_session)

    def contexts(self) -> list[Tensor]:
        names = self.engine.session_ids
        return [self.engine.snapshot(name).context.latents_FChw for name in names]

    def finish(self) -> None:
        while self.engine.advance() is not None:
            pass

    def _watch(self, plan: PassPlan) -> PassResult:
        self.plans.append(plan)
        return self._run(plan)


def act(number: int) -> ActionVector:
    return (float(number), *(0.0,) * 5)


def same_bits(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(mine, its) for mine, its in zip(one, other, strict=True))
