"""Fréchet distance between two sets of features, taken as Gaussians (Dowson and Landau, 1982).

The features come from this project's inverse dynamics model, so figures compare worlds of this
project only. The distance is neither FID nor FVD and must not be printed under their names.

Shape letters: S starts, M features of one start, N features of all, D their size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.evaluate.statistics.confidence import Estimate, estimate

Matrix = NDArray[np.float64]


def frechet(a_ND: Matrix, b_ND: Matrix) -> float:
    """The distance |mean - mean|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) with the covariances A and
    B. Small sets give larger distances; compare figures of equally many samples."""
    a, b = (torch.from_numpy(np.ascontiguousarray(side)) for side in (a_ND, b_ND))
    with _one_thread():
        gap_D = a.mean(dim=0) - b.mean(dim=0)
        a_DD, b_DD = torch.cov(a.T), torch.cov(b.T)
        root_DD = _root(a_DD)
        overlap_D = torch.linalg.eigvalsh(root_DD @ b_DD @ root_DD)
        shared = overlap_D.clamp(min=0).sqrt().sum()
        return float(gap_D @ gap_D + a_DD.trace() + b_DD.trace() - 2 * shared)


def frechet_of_starts(ours_SMD: Sequence[Matrix], real_SMD: Sequence[Matrix]) -> Estimate:
    """Between the features of all starts together; both sides follow the same actions."""

    def distance(starts: NDArray[np.int64]) -> float:
        ours_ND, real_ND = (
            np.concatenate([side[start] for start in starts]) for side in (ours_SMD, real_SMD)
        )
        return frechet(ours_ND, real_ND)

    return estimate(distance, len(ours_SMD))


def _root(symmetric_DD: Tensor) -> Tensor:
    values_D, vectors_DD = torch.linalg.eigh(symmetric_DD)
    root_DD: Tensor = (vectors_DD * values_D.clamp(min=0).sqrt()) @ vectors_DD.T
    return root_DD


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limits torch to one thread: on a busy machine several threads make such small matrices a
    hundred times slower (measured)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
