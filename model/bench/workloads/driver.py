"""Sessions at full context, stepped through the scheduler and a runner: the path that serves.

Knows no clock but the runner's and none of what a runner does; so the baseline is driven alike.
"""

from dataclasses import dataclass

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.engine.running.runner import Runner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import ActionVector, FrameRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Seconds of one frame for every session."""

    denoise_s: float  # all passes, caching included
    decode_s: float

    @property
    def frame_s(self) -> float:
        return self.denoise_s + self.decode_s


class Driver:
    """`batch` sessions in lockstep, `num_steps` denoise steps a frame."""

    def __init__(
        self,
        runner: Runner,
        clip: ContextClip,
        policy: ContextPolicy,
        *,
        batch: int,
        num_steps: int,
        merge: bool = True,
    ) -> None:
        """Opens the sessions after `clip` and steps until their contexts are full."""
        self.batch = batch
        self.num_steps = num_steps
        self._runner = runner
        action: ActionVector = (0.0,) * clip.actions_FA.shape[1]
        self._request = FrameRequest(action=action, num_steps=num_steps)
        self._scheduler = Scheduler(
            policy, max_sessions=batch, batch_sizes=range(1, 2 * batch + 1), merge=merge
        )
        idxs = tuple(range(len(clip)))
        for seed in range(batch):
            runner.load(self._scheduler.open(str(seed), seed, idxs), clip)
        for _ in range(policy.max_frames - len(clip) + 2):
            self.step()

    def step(self) -> StepTime:
        """One frame for everybody."""
        for session_id in self._scheduler.session_ids:
            self._scheduler.begin(session_id, self._request)
        denoise_s = decode_s = 0.0
        while self._scheduler.has_in_flight:
            plan = self._scheduler.plan_pass()
            assert plan is not None
            result = self._runner.run(plan)
            self._scheduler.commit(plan)
            denoise_s += result.denoise_s
            decode_s += result.decode_s
        return StepTime(denoise_s=denoise_s, decode_s=decode_s)

    def frame_s(self) -> float:
        return self.step().frame_s

    def flop(self) -> int:
        """Floating-point operations of one step, by counting what is dispatched. Fused attention
        is not counted, so attention is written out for it."""
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            self.step()
        return int(counter.get_total_flops())
