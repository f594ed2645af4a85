"""The manifest of a run's recordings: what each is by hash, which split it belongs to, what was
skipped and why, and what the hands do. Truth is in the files; this is their inventory.
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
from training.data.inventory.behaviour import Shares, mean, measure
from training.data.source import DamagedRecording, RecordingSource, Split

_SAVE_EVERY = 20  # recordings read: some minutes of work
SCHEMA, VERSION = "nextframe.recordings", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording: `digest` is the sha256 of what it holds, `shares` what the hands do in it;
    `stamp` (its bytes on disk, the newest time of change in ns, how it is read) tells when both
    are out of date. `lost` counts, by reason, what could not be used of it."""

    name: str
    split: Split
    num_frames: int
    digest: str
    stamp: str
    shares: Shares
    lost: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a source holds."""

    entries: tuple[Entry, ...]
    skipped: dict[str, int] = field(default_factory=dict)  # how often, by reason

    def of(self, split: Split) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.split == split)

    def digest(self, split: Split) -> str:
        """What a model was trained on, in one hash: independent of names and places."""
        digests = sorted(entry.digest for entry in self.of(split))
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @property
    def lost(self) -> dict[str, int]:
        """What could not be used of the entries, by reason."""
        return dict(sum((Counter(entry.lost) for entry in self.entries), Counter()))

    def shares(self, split: Split) -> Shares:
        return mean((entry.num_frames, entry.shares) for entry in self.of(split))


def take_stock(source: RecordingSource, path: Path) -> Manifest:
    """The manifest of all recordings there are now, kept at `path`. Only recordings that are new
    or changed are read, which a killed call need not do again; damaged ones are counted, not
    fatal."""
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
    """Raises FileNotFoundError where nothing has been recorded, DamagedFile on another format."""
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
