"""Where a training run keeps its things, and which stages it holds. Reads none of them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder: recordings, latents, stage states (`<stage>.pt`), curves, cards."""

    folder: Path

    @property
    def recordings(self) -> Path:
        return self.folder / "recordings"

    @property
    def train_recordings(self) -> Path:
        return self.recordings / "train"

    @property
    def tokenizer_recordings(self) -> Path:
        return self.folder / "tokenizer_recordings"

    @property
    def validation_recordings(self) -> Path:
        return self.recordings / "validation"

    @property
    def held_out_recordings(self) -> Path:
        return self.recordings / "held_out"

    @property
    def manifest(self) -> Path:
        return self.recordings / "manifest.json"

    @property
    def probes(self) -> Path:
        return self.folder / "probes"

    @property
    def latents(self) -> Path:
        return self.folder / "latents"

    @property
    def adopted(self) -> Path:
        """Names the released world that the run began with."""
        return self.folder / "adopted.json"

    def state(self, stage: str) -> Path:
        return self.folder / f"{stage}.pt"

    def is_trained(self, stage: str) -> bool:
        return self.state(stage).exists()

    def require(self, stage: str) -> None:
        """Raises FileNotFoundError with what to do."""
        if not self.is_trained(stage):
            raise FileNotFoundError(f"{self.folder} holds no {stage} yet; run that stage first")
