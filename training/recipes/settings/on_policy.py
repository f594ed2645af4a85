"""On-policy rollouts of the student: how many run, how long, and the weight of their critic."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPolicySettings:
    """`strength` weighs the generator loss; 0 turns rollouts off. `num_rollouts` run at a time,
    each with `num_steps` denoise steps a frame. A rollout starts from recorded frames, continues by
    `stride` frames whenever the critic sees it, and ends after a number of frames drawn from 1 to
    `max_rollout_frames`. The critic sees `sub_clip_frames` frames at a time."""

    strength: float = 0.0
    num_rollouts: int = 12
    max_rollout_frames: int = 320
    stride: int = 6
    sub_clip_frames: int = 4
    num_steps: int = 2

    @property
    def num_frames(self) -> int:
        """The most frames that a rollout generates."""
        return self.max_rollout_frames + self.stride

    def check_batch(self, batch_size: int) -> None:
        """Raises ValueError for a batch with more clips than there are rollouts: the critic sees as
        many rollouts as clips in a step."""
        if batch_size > self.num_rollouts:
            raise ValueError(
                f"student.batch_size: at most {self.num_rollouts} with rollouts "
                f"(student.own_play.dreams), got {batch_size}"
            )


NO_ROLLOUTS = OnPolicySettings()
