"""Where a training run keeps its things. Paths only."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder: recordings, latents, stage states (`<stage>.pt`), curves, cards."""

    folder: Path

    @property
    def train_recordings(self) -> Path:
        return self.folder / "recordings" / "train"

    @property
    def held_out_recordings(self) -> Path:
        return self.folder / "recordings" / "held_out"

    @property
    def probes(self) -> Path:
        return self.folder / "probes"

    @property
    def latents(self) -> Path:
        return self.folder / "latents.safetensors"
