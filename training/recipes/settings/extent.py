"""How much an evaluation measures: a value that recipes and commands choose. Measures nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """`long_dreams` is pairs of (frames, how many such dreams); `reader_steps` are what the action
    reader is taught for."""

    num_passages: int
    num_probes: int
    long_dreams: tuple[tuple[int, int], ...]
    inverse_dynamics_steps: int
    is_quick: bool = False


WHOLE = Extent(
    num_passages=24, num_probes=20, long_dreams=((1000, 4), (300, 8)), inverse_dynamics_steps=900
)  # fmt: skip
QUICK = Extent(
    num_passages=8, num_probes=4, long_dreams=((64, 4),), inverse_dynamics_steps=900, is_quick=True
)  # fmt: skip
TOY = Extent(
    num_passages=12, num_probes=8, long_dreams=((300, 2), (64, 4)), inverse_dynamics_steps=200
)
TILES = Extent(num_passages=24, num_probes=0, long_dreams=((1000, 2),), inverse_dynamics_steps=0)
QUICK_TILES = Extent(
    num_passages=10, num_probes=0, long_dreams=((64, 2),), inverse_dynamics_steps=0, is_quick=True
)  # fmt: skip
