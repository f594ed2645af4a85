"""Fréchet distance between two sets of features, taken as Gaussians (Dowson and Landau, 1982).

Ours are features of our own action reader, so a figure compares worlds measured alike in this
project. It is not FID and not FVD, and must never be printed under their names.

Shape letters: S starts, M features of one start, N features of all, D their size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.evaluate.confidence import Estimate, estimate

Matrix = NDArray[np.float64]


def frechet(a_ND: Matrix, b_ND: Matrix) -> float:
    """|mean - mean|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) with the covariances A and B. Small sets
    give larger distances: compare figures of equally many samples only."""
    gap_D = a_ND.mean(axis=0) - b_ND.mean(axis=0)
    a_DD, b_DD = np.cov(a_ND, rowvar=False), np.cov(b_ND, rowvar=False)
    root_DD = _root(a_DD)
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root_DD @ b_DD @ root_DD), 0, None)).sum()
    return float(gap_D @ gap_D + np.trace(a_DD) + np.trace(b_DD) - 2 * shared)


def frechet_of_starts(ours_SMD: Sequence[Matrix], real_SMD: Sequence[Matrix]) -> Estimate:
    """Between the features of all starts taken together, start by start of the same hands."""

    def distance(starts: NDArray[np.int64]) -> float:
        ours_ND, real_ND = (
            np.concatenate([side[start] for start in starts]) for side in (ours_SMD, real_SMD)
        )
        return frechet(ours_ND, real_ND)

    return estimate(distance, len(ours_SMD))


def _root(symmetric_DD: Matrix) -> Matrix:
    values_D, vectors_DD = np.linalg.eigh(symmetric_DD)
    root_DD: Matrix = (vectors_DD * np.sqrt(np.clip(values_D, 0, None))) @ vectors_DD.T
    return root_DD
