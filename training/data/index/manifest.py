"""The manifest of a run's recordings: hash, split and action statistics of each, and the skipped
recordings with the reason. The recordings are the truth; the manifest is an index of them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from training.data.atomic_io import reading, replacing
from training.data.index.action_statistics import Shares, mean, measure
from training.data.source import DamagedRecording, Entry, RecordingSource, Split

_SAVE_EVERY = 20  # recordings: some minutes of work
SCHEMA, VERSION = "nextframe.recordings", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All recordings of a source."""

    entries: tuple[Entry, ...]
    skipped: dict[str, int] = field(default_factory=dict)  # how often, by reason

    def of(self, split: Split) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.split == split)

    def digest(self, split: Split) -> str:
        """One hash of all recordings of a split, independent of names and folders."""
        digests = sorted(entry.digest for entry in self.of(split))
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @property
    def lost(self) -> dict[str, int]:
        """Counts of unusable parts of the entries, by reason."""
        return dict(sum((Counter(entry.lost) for entry in self.entries), Counter()))

    def shares(self, split: Split) -> Shares:
        return mean((entry.num_frames, entry.shares) for entry in self.of(split))


def index_recordings(source: RecordingSource, path: Path) -> Manifest:
    """The manifest of all present recordings, stored at `path`. Reads only new and changed
    recordings, and saves every _SAVE_EVERY of them, so a killed call loses little work. Counts
    damaged recordings instead of raising."""
    before = read_manifest(path) if path.exists() else Manifest(entries=())
    known = {entry.name: entry for entry in before.entries}
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    num_read = 0
    for name in tqdm(source.names(), desc="manifest", unit="recording"):
        stamp = _stamp(source, name)
        entry = known.pop(name, None)
        try:
            if entry is None or entry.stamp != stamp:
                entry = _entry(source, name, stamp)
                num_read += 1
            entries.append(entry)
        except DamagedRecording as error:
            skipped[str(error)] += 1
        if num_read == _SAVE_EVERY:
            _write(Manifest(entries=(*entries, *known.values())), path)
            num_read = 0
    manifest = Manifest(entries=tuple(entries), skipped=dict(skipped))
    if manifest != before:
        _write(manifest, path)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Raises FileNotFoundError for a missing manifest, DamagedFile for another format."""
    with reading(path, "remove it, and it is written anew from the recordings"):
        saved: dict[str, Any] = json.loads(path.read_text())
        if (saved["schema"], saved["version"]) != (SCHEMA, VERSION):
            raise ValueError(f"a {saved['schema']} {saved['version']}, not {SCHEMA} {VERSION}")
        return Manifest(
            entries=tuple(Entry(**entry) for entry in saved["entries"]),
            skipped=saved["skipped"],
        )


def _entry(source: RecordingSource, name: str, stamp: str) -> Entry:
    recording = source.open(name)
    return Entry(
        name=name,
        split=source.split(name),
        num_frames=len(recording.frames),
        digest=recording.digest(),
        stamp=stamp,
        shares=measure(recording.actions, source.action_names),
        lost=dict(recording.lost),
    )


def _stamp(source: RecordingSource, name: str) -> str:
    stats = [file.stat() for file in source.files(name)]
    newest = max(stat.st_mtime_ns for stat in stats)
    return f"{sum(stat.st_size for stat in stats)} {newest} {source.reading}"


def _write(manifest: Manifest, path: Path) -> None:
    splits = dict.fromkeys(entry.split for entry in manifest.entries)
    summary = {
        split: {
            "digest": manifest.digest(split),
            "num_frames": sum(entry.num_frames for entry in manifest.of(split)),
            "shares": manifest.shares(split),
        }
        for split in splits
    }
    content = {"schema": SCHEMA, "version": VERSION, "splits": summary} | asdict(manifest)
    with replacing(path) as building:
        building.write_text(json.dumps(content, indent=1) + "\n")
