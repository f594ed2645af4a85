"""On-policy rollouts of the student (self-forcing: arXiv 2506.08009, 2506.09350) and the
adversarial loss on them.

A served world runs for minutes and a training clip shows a second. Errors that build up later, such
as a wall that fills the frame for good, appear in no recorded clip, and no recorded frame can be
the target: the rollout has left the recording by then. A critic judges the rollouts instead. The
critic sees a few frames with their actions beside as many recorded frames, and learns whatever the
rollouts show too often or too smoothly.

Shape letters: N rollouts in the buffer, B clips, W frames of a window, T frames of a rollout,
A action size, C h w latent channels, rows, columns.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.sampling.trigflow import estimate_clean
from training.data.latents import Clips, ClipSource
from training.distillation.adversary import Adversary
from training.distillation.clips import NoisyClips, sub_clips
from training.objectives.objective import Losses
from training.objectives.prediction import predict
from training.objectives.rollout import Rollout
from training.recipes.settings.on_policy import OnPolicySettings


class RolloutBuffer(nn.Module):
    """Holds the running rollouts: the newest window of frames, the actions, the age and the end of
    each, in frames. All are buffers of the student, so a resumed run continues its rollouts."""

    latents_NWChw: Tensor
    actions_NTA: Tensor
    age_N: Tensor
    end_N: Tensor

    def __init__(self, config: NFDConfig, settings: OnPolicySettings) -> None:
        super().__init__()
        count = settings.num_rollouts if settings.strength else 0
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        num_frames = config.window + settings.num_frames
        self.register_buffer("latents_NWChw", torch.zeros(count, config.window, *cell))
        self.register_buffer("actions_NTA", torch.zeros(count, num_frames, config.condition_size))
        self.register_buffer("age_N", torch.zeros(count, dtype=torch.long))
        self.register_buffer("end_N", torch.zeros(count, dtype=torch.long))


class OnPolicyLoss:
    """Continues the rollouts and computes the adversarial losses on them."""

    def __init__(
        self,
        buffer: RolloutBuffer,
        transformer: NFDTransformer,
        source: ClipSource,
        rollout: Rollout,
        adversary: Adversary,
        settings: OnPolicySettings,
    ) -> None:
        """`source` draws recorded clips as long as the longest rollout."""
        self._buffer = buffer
        self._transformer = transformer
        self._source = source
        self._rollout = rollout
        self._adversary = adversary
        self._settings = settings

    def __call__(self, clips: NoisyClips, generator: torch.Generator) -> Losses:
        """The losses of `Adversary` under names that begin with `play_`. The frames of the rollouts
        get the noise levels and the roles of `clips`, the recorded clips beside them."""
        played = self.continue_rollouts(len(clips.clean_BFChw), generator)
        own = replace(clips, clean_BFChw=played.latents_BFChw, actions_BFA=played.actions_BFA)
        noisy = own.noisy_BFChw
        direction = predict(self._transformer, noisy, own.t_BF, own.actions_BFA)
        made = estimate_clean(noisy, direction, own.t_BF)
        length = self._settings.sub_clip_frames
        game = self._adversary(
            clips.sub_clips(length), own.sub_clips(length), sub_clips(made, length), generator
        )
        return {f"play_{name}": loss for name, loss in game.items()}

    @torch.no_grad()
    def continue_rollouts(self, count: int, generator: torch.Generator) -> Clips:
        """Continues `count` random rollouts by `stride` frames, and returns their newest
        windows."""
        buffer, stride = self._buffer, self._settings.stride
        chosen = torch.randperm(len(buffer.age_N), generator=generator, device=generator.device)
        chosen = chosen[:count].to(buffer.age_N.device)
        window = buffer.latents_NWChw.shape[1]
        self._restart(chosen[buffer.age_N[chosen] >= buffer.end_N[chosen]], window, generator)
        frames = torch.arange(window + stride, device=chosen.device)
        actions = buffer.actions_NTA[chosen[:, None], buffer.age_N[chosen, None] + frames]
        played = self._rollout(buffer.latents_NWChw[chosen], actions, generator)[:, -window:]
        buffer.latents_NWChw[chosen] = played
        buffer.age_N[chosen] += stride
        return Clips(latents_BFChw=played, actions_BFA=actions[:, -window:])

    def _restart(self, ended: Tensor, window: int, generator: torch.Generator) -> None:
        """Starts the rollouts with the indices `ended` anew from recorded clips."""
        buffer = self._buffer
        recorded = self._source.draw(generator)
        ends = torch.randint(
            1,
            self._settings.max_rollout_frames + 1,
            ended.shape,
            generator=generator,
            device=generator.device,
        )
        buffer.latents_NWChw[ended] = recorded.latents_BFChw[: len(ended), :window]
        buffer.actions_NTA[ended] = recorded.actions_BFA[: len(ended)]
        buffer.age_N[ended] = 0
        buffer.end_N[ended] = ends.to(ended.device)
