"""Records many episodes in several processes. Equal seeds give equal episodes, whatever the number
of processes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from training.data.recorder import Recorder


def record_episodes(
    recorder: Recorder,
    folder: Path,
    *,
    num_frames: int,
    num_episodes: int,
    seed: int,
    processes: int,
    then: Recorder | None = None,
) -> None:
    """Records `num_episodes` episodes of `num_frames / num_episodes` frames each into
    `folder`/00000, 00001, ... Episode i has the seed `seed + i`; its recorder is `recorder` or, in
    the second half, `then` where given. Complete episodes on disk are kept."""
    context = multiprocessing.get_context("spawn")
    length = num_frames // num_episodes
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        jobs = [
            pool.submit(
                _record_to,
                then if then is not None and 2 * episode >= num_episodes else recorder,
                folder / f"{episode:05d}",
                length,
                seed + episode,
            )
            for episode in range(num_episodes)
            if not (folder / f"{episode:05d}" / "cuts.npy").exists()
        ]
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="record", unit="episode"):
            job.result()


def _record_to(recorder: Recorder, folder: Path, num_frames: int, seed: int) -> None:
    recorder.record(num_frames=num_frames, seed=seed).save(folder)
