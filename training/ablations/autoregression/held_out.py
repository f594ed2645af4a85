"""Play that nobody learned from, cut into clips one frame longer than a context."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.cache.frame_store import ContextClip
from model.engine.opening import opening_clip
from model.engine.types import ActionVector
from model.tokenizer.protocol import Tokenizer
from model.world import Start
from training.ablations.autoregression.material import encode, film, spread_starts
from training.ablations.autoregression.quality import Pictures
from training.data.recording import Recording

FILM_FRAMES, SEED = 1_000, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    films: Sequence[Recording]

    @classmethod
    def of(cls, window: int, clips: int) -> "HeldOut":
        whole = film(FILM_FRAMES, seed=SEED)
        starts = spread_starts(FILM_FRAMES, window, clips)
        return cls(films=[whole.part(first, first + window) for first in starts])

    @property
    def truth(self) -> Pictures:
        return [clip.frames[-1] for clip in self.films]

    @property
    def before(self) -> Pictures:
        return [clip.frames[-2] for clip in self.films]

    @property
    def actions(self) -> list[ActionVector]:
        return [tuple(clip.actions[-1].tolist()) for clip in self.films]

    def contexts(self, tokenizer: Tokenizer, context_t: float) -> list[ContextClip]:
        contexts = []
        for seed, clip in enumerate(self.films):
            latents = encode(tokenizer, clip.part(0, -1))
            start = Start(name="", latents_FChw=latents.latents_NChw, actions_FA=latents.actions_NA)
            idxs = tuple(range(len(start.actions_FA)))
            contexts.append(opening_clip(start, idxs, seed=seed, context_t=context_t))
        return contexts
