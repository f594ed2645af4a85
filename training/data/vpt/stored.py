"""Stores some of the given recordings in the run folder, for stages that read pixels many times.
All other recordings are decoded once, on the way to latents."""

import hashlib
from pathlib import Path

from tqdm import tqdm

from training.data.recording import Recording
from training.data.source import DamagedRecording, RecordingSource, Split


def store_recordings(
    source: RecordingSource, split: Split, folder: Path, *, num_frames: int, at_least: int = 1
) -> None:
    """Stores whole recordings of one split in `folder`, until there are `num_frames` frames
    (384x224: 15 GB for 60,000) and `at_least` recordings. The order is a hash of the names: it
    mixes players and is equal in every call. Skips damaged recordings and keeps stored ones. Raises
    FileNotFoundError for a split with too few recordings."""
    num_stored = kept_frames = 0
    names = [name for name in source.names() if source.split(name) == split]
    with tqdm(total=num_frames, desc=f"keep, {split}", unit="frame") as bar:
        for name in sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest()):
            if kept_frames >= num_frames and num_stored >= at_least:
                return
            found = _keep(source, name, folder / name)
            num_stored, kept_frames = num_stored + (found > 0), kept_frames + found
            bar.update(found)
    if num_stored < at_least:
        raise FileNotFoundError(
            f"{num_stored} usable recordings are in the {split} split and {at_least} are needed; "
            "names decide on the split, so more recordings will bring some"
        )


def _keep(source: RecordingSource, name: str, folder: Path) -> int:
    """The number of stored frames; 0 for a damaged recording."""
    if not (folder / "cuts.npy").exists():
        try:
            source.open(name).save(folder)
        except DamagedRecording:
            return 0
    return len(Recording.load(folder).frames)
