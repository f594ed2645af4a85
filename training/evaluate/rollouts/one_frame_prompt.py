"""The paper's own protocol (NFD, arXiv 2506.01380): one real frame, 15 generated ones after it, and
the mean PSNR of the 15. Its figures can be laid beside the paper's; those after a whole window of
real frames cannot, because more context makes the next frames easier."""

from collections.abc import Sequence

import numpy as np

from model.world import World
from training.evaluate.clips.evaluation_clips import EvaluationClip
from training.evaluate.measures.picture import psnr_db
from training.evaluate.rollouts.generate import RolloutRequest, generate
from training.evaluate.statistics.confidence import Estimate, mean_estimate

NUM_GENERATED = 15


def measure_one_frame_prompt(
    world: World, clips: Sequence[EvaluationClip], num_steps: int
) -> Estimate:
    """Mean PSNR in dB over the generated frames, and its interval over passages."""
    requests = [
        RolloutRequest(
            context=clip.context.part(-1, len(clip.context.frames)),
            actions_TA=clip.following.actions[:NUM_GENERATED],
        )
        for clip in clips
    ]
    rollouts = generate(world, requests, num_steps=num_steps, title="one real frame, then 15")
    per_passage = [
        np.mean([psnr_db(*pair) for pair in zip(made.frames, clip.following.frames, strict=False)])
        for made, clip in zip(rollouts, clips, strict=True)
    ]
    return mean_estimate(np.array(per_passage))
