"""The evaluation protocol: by what the figures of a card were measured. Two cards are comparable
only when all fields are equal; the release gate refuses any other comparison. Measures nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from model.world import Precision
from training.evaluate.clips.evaluation_clips import EvaluationClip
from training.recipes.settings.evaluation import EvaluationBudget

_LENGTH = 16  # characters of a digest: enough to tell protocols apart


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProtocol:
    """`reader`: digest of the inverse dynamics model's weights. `passages`: digest of all
    evaluation clips, frames and actions. `extent`: the budget in words. Field names are keys of
    stored cards."""

    reader: str
    passages: str
    extent: str
    precision: Precision
    num_steps: int

    @classmethod
    def of(
        cls,
        *,
        inverse_dynamics: nn.Module,
        clips: Sequence[EvaluationClip],
        budget: EvaluationBudget,
        precision: Precision,
        num_steps: int,
    ) -> "EvaluationProtocol":
        parts = [part.digest() for clip in clips for part in (clip.context, clip.following)]
        return cls(
            reader=_digest_of(inverse_dynamics),
            passages=_short(hashlib.sha256("\n".join(parts).encode())),
            extent=_words(budget),
            precision=precision,
            num_steps=num_steps,
        )


def _words(budget: EvaluationBudget) -> str:
    """In the words of stored cards."""
    longs = ", ".join(f"{count} of {frames} frames" for frames, count in budget.long_rollouts)
    return f"{budget.num_passages} passages, {budget.num_probes} probes; long dreams: {longs}"


def _digest_of(network: nn.Module) -> str:
    hashed = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        hashed.update(name.encode())
        hashed.update(values.cpu().numpy().tobytes())
    return _short(hashed)


def _short(hashed: "hashlib._Hash") -> str:
    return hashed.hexdigest()[:_LENGTH]
