"""What training clips show as past frames: settings of the teacher's history."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Ways against drift, each off at 0. Of the frames drawn as context

    - `chain_share` are shown as the network's guesses of them, made in one call (chain-forward
      training: Epona, arXiv 2506.24113), from noise as the mixture draws it or, with
      `chain_from_noise`, from pure noise as there: of the others half begin so near the truth that
      they are the truth;
    - `dropout` are hidden from the frames after them (context drop-out: MCVD, arXiv 2205.09853).

    `rollout_share` of the clips show all of them as the network drew them by itself, with
    `rollout_steps` denoise steps, the last of `rollout_frames` frames after real play (training on
    its own windows: Self-Forcing++, arXiv 2510.02283, whose judge is a teacher; ours is what the
    game showed to the same hands).
    """

    chain_share: float = 0.0
    chain_from_noise: bool = False
    dropout: float = 0.0
    rollout_share: float = 0.0
    rollout_frames: int = 4
    rollout_steps: int = 2

    @property
    def num_lead(self) -> int:
        """Frames before a clip that are drawn with it, so that a rollout has where to begin."""
        return self.rollout_frames - 1 if self.rollout_share else 0


TRUTH = HistorySettings()
