"""By what the figures of a card were taken. Two cards compare only where all of it is the same: the
judge refuses else. Measures nothing."""

import hashlib
from dataclasses import dataclass

from torch import nn

from model.world import Precision
from training.evaluate.material import Material
from training.recipes.settings.extent import Extent

_LENGTH = 16  # characters of a digest: to tell apart, not to protect


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """`reader`: digest of the inverse dynamics model's weights; `passages`: of all real play that
    is dreamt after, frames and hands."""

    reader: str
    passages: str
    extent: str
    precision: Precision
    num_steps: int

    @classmethod
    def of(cls, material: Material, *, precision: Precision, num_steps: int) -> "Yardstick":
        passages = [*material.passages, *(p for group in material.long_passages for p in group)]
        parts = [part.digest() for p in passages for part in (p.context, p.following)]
        return cls(
            reader=_digest_of(material.judges.reader),
            passages=_short(hashlib.sha256("\n".join(parts).encode())),
            extent=_words(material.extent),
            precision=precision,
            num_steps=num_steps,
        )


def _words(extent: Extent) -> str:
    longs = ", ".join(f"{count} of {frames} frames" for frames, count in extent.long_rollouts)
    return f"{extent.num_passages} passages, {extent.num_probes} probes; long dreams: {longs}"


def _digest_of(network: nn.Module) -> str:
    hashed = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        hashed.update(name.encode())
        hashed.update(values.cpu().numpy().tobytes())
    return _short(hashed)


def _short(hashed: "hashlib._Hash") -> str:
    return hashed.hexdigest()[:_LENGTH]
