"""Many films at once: several processes, the same films for the same seed however many."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from training.data.recorder import Recorder


def record_all(
    recorder: Recorder,
    folder: Path,
    *,
    num_frames: int,
    takes: int,
    seed: int,
    processes: int,
    then: Recorder | None = None,
) -> None:
    """`takes` films of `num_frames / takes` frames each into `folder`/00000, 00001, ...; take i is
    made from `seed + i`, by `recorder` or, in the second half, by `then` where it is given. Takes
    that are there already are kept."""
    context = multiprocessing.get_context("spawn")
    length = num_frames // takes
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        jobs = [
            pool.submit(
                _record_to,
                then if then is not None and 2 * take >= takes else recorder,
                folder / f"{take:05d}",
                length,
                seed + take,
            )
            for take in range(takes)
            if not (folder / f"{take:05d}" / "cuts.npy").exists()
        ]
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="record", unit="take"):
            job.result()


def _record_to(recorder: Recorder, folder: Path, num_frames: int, seed: int) -> None:
    recorder.record(num_frames=num_frames, seed=seed).save(folder)
