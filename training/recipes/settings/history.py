"""Settings of the past frames in the teacher's training clips."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Methods against drift, each off at 0.

    - `chain_share`: share of the context frames that are replaced by the network's one-call
    estimate
      (chain-forward training: Epona, arXiv 2506.24113). The estimate starts from noise drawn from
      the mixture or, with `chain_from_noise`, from pure noise.
    - `dropout`: share of the context frames that later frames cannot attend to (context dropout:
      MCVD, arXiv 2205.09853).
    - `rollout_share`: share of the clips whose last `rollout_frames` context frames the network
      generates after recorded frames, with `rollout_steps` denoise steps (after Self-Forcing++,
      arXiv 2510.02283; there a teacher is the target, here the recorded frames are).
    """

    chain_share: float = 0.0
    chain_from_noise: bool = False
    dropout: float = 0.0
    rollout_share: float = 0.0
    rollout_frames: int = 4
    rollout_steps: int = 2

    @property
    def num_lead(self) -> int:
        """Recorded frames before a clip, from which a rollout starts."""
        return self.rollout_frames - 1 if self.rollout_share else 0


TRUTH = HistorySettings()
