"""Where recordings come from: films we made ourselves, or files in somebody else's form. Everything
downstream sees this one protocol. Knows no tokenizer and no training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from training.data.recording import Recording

Split = Literal["train", "validation", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "validation", "held_out")


class DamagedRecording(ValueError):
    """The recording is not usable; the message says how, in words that can be counted."""


@runtime_checkable
class RecordingSource(Protocol):
    """Recordings by name. A recording belongs to one split whole, never frame by frame."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """What each entry of an action vector is; camera angles (`yaw`, `pitch`) come last."""
        ...

    @property
    def reading(self) -> str:
        """How files become a recording: size, filters. Another reading is another recording."""
        ...

    def names(self) -> list[str]:
        """Every recording, always in the same order."""
        ...

    def split(self, name: str) -> Split: ...

    def files(self, name: str) -> tuple[Path, ...]:
        """What the recording is made of on disk."""
        ...

    def open(self, name: str) -> Recording:
        """Raises DamagedRecording."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingFolder:
    """Our own films: `<root>/<split>/<take>/`, as `Recording.save` leaves them."""

    root: Path
    action_names: tuple[str, ...]
    reading: str = "as it is"

    def names(self) -> list[str]:
        return [
            path.parent.relative_to(self.root).as_posix()
            for split in SPLITS
            for path in sorted((self.root / split).glob("*/cuts.npy"))
        ]

    def split(self, name: str) -> Split:
        return next(split for split in SPLITS if split == Path(name).parts[0])

    def files(self, name: str) -> tuple[Path, ...]:
        return tuple(sorted((self.root / name).glob("*.npy")))

    def open(self, name: str) -> Recording:
        return Recording.load(self.root / name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording in an index. `digest`: sha256 of the content. `shares`: action statistics.
    `stamp` (bytes on disk, newest modification time in ns, way of reading) changes when digest and
    shares are out of date. `lost`: counts of unusable parts by reason."""

    name: str
    split: Split
    num_frames: int
    digest: str
    stamp: str
    shares: dict[str, float]
    lost: dict[str, int] = field(default_factory=dict)
