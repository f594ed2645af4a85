"""The student's own play, kept going while it learns, and what a critic says of it.

A world is played for minutes; a clip is a second. What goes wrong later (a wall that fills the
picture and is never left) no clip of true play shows, and there is no true frame to teach instead:
by then the dream is elsewhere. So only a critic judges it, a few frames at a time under their
actions: whatever own play shows too often or too smoothly beside true play, it learns to tell
(an adversary on own play: arXiv 2506.08009, 2506.09350, there with whole films).

Shape letters: N dreams kept, B clips, W frames of a window, T frames of a dream, A action size,
C h w latent channels, rows, columns.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.sampling.trigflow import estimate_clean
from training.data.latents import Clips, ClipSource
from training.distillation.adversary import Adversary
from training.distillation.clips import NoisyClips, glances
from training.objectives.objective import Losses
from training.objectives.prediction import predict
from training.objectives.rollout import Rollout
from training.recipes.settings.own_play import OwnPlaySettings


class Dreams(nn.Module):
    """Owns the dreams: their newest frames, the hands that lead them, and how old they are. Buffers
    of the student, so that a run that was killed goes on with the dreams it had."""

    latents_NWChw: Tensor
    actions_NTA: Tensor
    age_N: Tensor
    end_N: Tensor

    def __init__(self, config: NFDConfig, settings: OwnPlaySettings) -> None:
        super().__init__()
        count = settings.dreams if settings.strength else 0
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        num_frames = config.window + settings.num_frames
        self.register_buffer("latents_NWChw", torch.zeros(count, config.window, *cell))
        self.register_buffer("actions_NTA", torch.zeros(count, num_frames, config.told_size))
        self.register_buffer("age_N", torch.zeros(count, dtype=torch.long))
        self.register_buffer("end_N", torch.zeros(count, dtype=torch.long))


class OwnPlay:
    """Lets dreams go on, and plays the critic's game with them."""

    def __init__(
        self,
        dreams: Dreams,
        transformer: NFDTransformer,
        source: ClipSource,
        rollout: Rollout,
        adversary: Adversary,
        settings: OwnPlaySettings,
    ) -> None:
        """`source` draws true play as long as a dream may become."""
        self._dreams = dreams
        self._transformer = transformer
        self._source = source
        self._rollout = rollout
        self._adversary = adversary
        self._settings = settings

    def __call__(self, clips: NoisyClips, generator: torch.Generator) -> Losses:
        """`game` is what both sides minimise. Own frames get the noise and the roles of `clips`,
        true play that they are held against."""
        played = self.play_on(len(clips.clean_BFChw), generator)
        own = replace(clips, clean_BFChw=played.latents_BFChw, actions_BFA=played.actions_BFA)
        noisy = own.noisy_BFChw
        direction = predict(self._transformer, noisy, own.t_BF, own.actions_BFA)
        made = estimate_clean(noisy, direction, own.t_BF)
        glance = self._settings.glance
        game = self._adversary(
            clips.glances(glance), own.glances(glance), glances(made, glance), generator
        )
        return {f"play_{name}": loss for name, loss in game.items()}

    @torch.no_grad()
    def play_on(self, count: int, generator: torch.Generator) -> Clips:
        """The newest window of `count` dreams, after they have gone on."""
        dreams, stride = self._dreams, self._settings.stride
        chosen = torch.randperm(len(dreams.age_N), generator=generator, device=generator.device)
        chosen = chosen[:count].to(dreams.age_N.device)
        window = dreams.latents_NWChw.shape[1]
        self._begin_anew(chosen[dreams.age_N[chosen] >= dreams.end_N[chosen]], window, generator)
        frames = torch.arange(window + stride, device=chosen.device)
        actions = dreams.actions_NTA[chosen[:, None], dreams.age_N[chosen, None] + frames]
        played = self._rollout(dreams.latents_NWChw[chosen], actions, generator)[:, -window:]
        dreams.latents_NWChw[chosen] = played
        dreams.age_N[chosen] += stride
        return Clips(latents_BFChw=played, actions_BFA=actions[:, -window:])

    def _begin_anew(self, ended: Tensor, window: int, generator: torch.Generator) -> None:
        dreams = self._dreams
        true = self._source.draw(generator)
        ends = torch.randint(
            1, self._settings.depth + 1, ended.shape, generator=generator, device=generator.device
        )
        dreams.latents_NWChw[ended] = true.latents_BFChw[: len(ended), :window]
        dreams.actions_NTA[ended] = true.actions_BFA[: len(ended)]
        dreams.age_N[ended] = 0
        dreams.end_N[ended] = ends.to(ended.device)
