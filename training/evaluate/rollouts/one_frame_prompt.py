"""The paper's own protocol (NFD, arXiv 2506.01380): one real frame, 15 generated ones after it, and
the mean PSNR of the 15. Its figures can be laid beside the paper's; those after a whole window of
real frames cannot, because more context makes the next frames easier."""

from collections.abc import Sequence

import numpy as np

from model.world import World
from training.evaluate.confidence import Estimate, mean_estimate
from training.evaluate.measures.picture import psnr_db
from training.evaluate.passages import Passage
from training.evaluate.rollouts.generate import RolloutRequest, generate

NUM_GENERATED = 15


def measure_one_frame_prompt(world: World, passages: Sequence[Passage], num_steps: int) -> Estimate:
    """Mean PSNR in dB over the generated frames, and its interval over passages."""
    requests = [
        RolloutRequest(
            context=passage.context.part(-1, len(passage.context.frames)),
            actions_TA=passage.following.actions[:NUM_GENERATED],
        )
        for passage in passages
    ]
    rollouts = generate(world, requests, num_steps=num_steps, title="one real frame, then 15")
    per_passage = [
        np.mean(
            [psnr_db(*pair) for pair in zip(made.frames, passage.following.frames, strict=False)]
        )
        for made, passage in zip(rollouts, passages, strict=True)
    ]
    return mean_estimate(np.array(per_passage))
