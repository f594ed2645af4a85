"""One contestant against another after the same passages. Both are hard where the passage is hard,
so the difference is surer than either figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate.confidence import Estimate, estimate, mean_estimate
from training.evaluate.measures.frechet import frechet
from training.evaluate.measures.picture import psnr_db
from training.evaluate.measures.scores import FRAME, NUM_FRAMES, Film
from training.evaluate.passages import Passage
from training.evaluate.reader.network import ActionReader
from training.evaluate.reader.reading import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Ours less theirs: more dB are better, a smaller distance is."""

    psnr_16: Estimate
    frechet_own: Estimate


def margin(
    reader: ActionReader, passages: Sequence[Passage], ours: Sequence[Film], theirs: Sequence[Film]
) -> Margin:
    """`ours[i]` and `theirs[i]` were made to follow passage i."""
    real = [passage.following.frames[:NUM_FRAMES] for passage in passages]
    ours_SMD, theirs_SMD, real_SMD = (
        [
            read(reader, passage.led_by_context(film)).features_MD
            for passage, film in zip(passages, films, strict=True)
        ]
        for films in (ours, theirs, real)
    )

    def farther(starts: NDArray[np.int64]) -> float:
        ours_ND, theirs_ND, real_ND = (
            np.concatenate([side[start] for start in starts])
            for side in (ours_SMD, theirs_SMD, real_SMD)
        )
        return frechet(ours_ND, real_ND) - frechet(theirs_ND, real_ND)

    nearer_db = [
        psnr_db(a[FRAME - 1], truth[FRAME - 1]) - psnr_db(b[FRAME - 1], truth[FRAME - 1])
        for a, b, truth in zip(ours, theirs, real, strict=True)
    ]
    return Margin(
        psnr_16=mean_estimate(np.array(nearer_db)), frechet_own=estimate(farther, len(passages))
    )
