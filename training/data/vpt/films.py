"""Some of the given recordings as films of a run, for what looks at pixels again and again. All the
others are decoded once, on their way to latents.
"""

import hashlib
from pathlib import Path

from tqdm import tqdm

from training.data.recording import Recording
from training.data.source import DamagedRecording, RecordingSource, Split


def keep_films(
    source: RecordingSource, split: Split, folder: Path, *, num_frames: int, at_least: int = 1
) -> None:
    """Whole recordings of one split into `folder`, until there are `num_frames` frames (of 384x224,
    15 GB for 60,000) and `at_least` so many films. In an order that mixes the players, and the same
    in every call; damaged ones are left out, those that are there are kept. Raises
    FileNotFoundError where the split has too few."""
    kept_films = kept_frames = 0
    names = [name for name in source.names() if source.split(name) == split]
    with tqdm(total=num_frames, desc=f"keep, {split}", unit="frame") as bar:
        for name in sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest()):
            if kept_frames >= num_frames and kept_films >= at_least:
                return
            found = _keep(source, name, folder / name)
            kept_films, kept_frames = kept_films + (found > 0), kept_frames + found
            bar.update(found)
    if kept_films < at_least:
        raise FileNotFoundError(
            f"{kept_films} usable recordings are in the {split} split and {at_least} are needed; "
            "names decide on the split, so more recordings will bring some"
        )


def _keep(source: RecordingSource, name: str, folder: Path) -> int:
    """How many frames it has; none where it is damaged."""
    if not (folder / "cuts.npy").exists():
        try:
            source.open(name).save(folder)
        except DamagedRecording:
            return 0
    return len(Recording.load(folder).frames)
