"""Rollouts of the baseline through its runner and the serving scheduler, so both methods are scored
on the same evaluation clips. Computes no score.

Shape letters: T generated frames, A action size.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model.ar.decoding.order import DecodeOrder
from model.ar.decoding.token_sampling import TopP
from model.ar.runner import ARRunner
from model.ar.world import ARWorld
from model.context.sliding_window import SlidingWindow
from model.engine.prefill import opening_clip, opening_frame_idxs
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import FrameRequest
from training.evaluate.measures.scores import Video
from training.evaluate.rollouts.generate import RolloutRequest, start_clip

_SESSIONS = 8


def generate_codes(
    baseline: ARWorld, order: DecodeOrder, requests: Sequence[RolloutRequest], *, title: str
) -> list[Video]:
    """One video (T, H, W, 3) for each request, sampled as in MineWorld. All requests have one
    length."""
    total = sum(len(request.actions_TA) for request in requests)
    videos: list[Video] = []
    with tqdm(total=total, desc=title, unit="frame", mininterval=1) as bar:
        for first in range(0, len(requests), _SESSIONS):
            together = _Together(baseline, order, requests[first : first + _SESSIONS])
            frames = []
            for actions_SA in together.actions_TSA:
                frames.append(together.step(actions_SA))
                bar.update(len(actions_SA))
            videos += [np.stack(video) for video in zip(*frames, strict=True)]
    return videos


class _Together:
    """Sessions of the baseline in lockstep, one for each request."""

    def __init__(
        self, baseline: ARWorld, order: DecodeOrder, requests: Sequence[RolloutRequest]
    ) -> None:
        window = baseline.transformer.config.window
        context = SlidingWindow(window - 1)
        self.actions_TSA = np.stack([request.actions_TA for request in requests], axis=1)
        self._num_turns = order.num_turns
        self._runner = ARRunner(
            baseline,
            order,
            TopP(),
            num_slots=len(requests),
            pages_per_slot=window,
            device=torch.device("cpu"),
        )
        self._scheduler = Scheduler(
            context, max_sessions=len(requests), batch_sizes=range(1, 2 * len(requests) + 1)
        )
        for number, request in enumerate(requests):
            start = start_clip(baseline.tokenizer, request.context, name=str(number))
            idxs = opening_frame_idxs(start, context.max_frames)
            clip = opening_clip(start, idxs, seed=0, context_t=0.0)  # codes bear no noise
            self._runner.load(self._scheduler.open(str(number), 0, idxs), clip)

    def step(self, actions_SA: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """The next frame (H, W, 3) of each, in their order."""
        for number, action in enumerate(actions_SA.tolist()):
            request = FrameRequest(action=tuple(action), num_steps=self._num_turns)
            self._scheduler.begin(str(number), request)
        drawn: dict[str, NDArray[np.uint8]] = {}
        while self._scheduler.has_in_flight:
            plan = self._scheduler.plan_pass()
            assert plan is not None
            result = self._runner.run(plan)
            self._scheduler.commit(plan)
            names = [row.session_id for row in plan.finished]
            drawn |= {n: p.rgb() for n, p in zip(names, result.images, strict=True)}
        return [drawn[str(number)] for number in range(len(actions_SA))]
