"""In which order the cells of a frame are drawn, and what each pass is fed. Plain integers.

A cell's token comes out of the entry of the cell before it (raster order; the last action token
for cell 0). Where that cell is drawn in the very same turn or later, a guess is fed in its place:
the previous frame's token there, since neighbouring frames are nearly the same. That turns all of
MineWorld's decoders (arXiv 2504.08388; DiagD, arXiv 2503.14070) into one: an order is a turn for
every cell. On a 2 x 3 grid:

    raster 0 1 2    diagonal, window 1: 0 1 2    blocks of 3: 0 0 0
           3 4 5                        1 2 3                 1 1 1
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One pass. Fed: the cells of `known` with the tokens that the turn before drew, the cells of
    `guessed` with the previous frame's. Drawn: `drawn`, each from the entry of the cell before."""

    known: tuple[int, ...]
    guessed: tuple[int, ...]
    drawn: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DecodeOrder:
    """`turn_of[i]` is the turn, from 0, in which raster cell i is drawn."""

    turn_of: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.turn_of[0] != 0 or set(self.turn_of) != set(range(self.num_turns)):
            raise ValueError(f"turns must begin with cell 0 and leave none out: {self.turn_of}")
        for before, turn in zip(self.turn_of, self.turn_of[1:], strict=False):
            if before < turn - 1:  # its entry was fed too early to draw from
                raise ValueError(f"a cell waits more than one turn for its neighbour: {before}")

    @property
    def num_cells(self) -> int:
        return len(self.turn_of)

    @property
    def num_turns(self) -> int:
        return max(self.turn_of) + 1

    @property
    def guessed(self) -> tuple[int, ...]:
        """Cells that are ever fed as a guess, ascending."""
        turn_of = self.turn_of
        return tuple(i for i in range(self.num_cells - 1) if turn_of[i] >= turn_of[i + 1])

    @property
    def last_cells(self) -> tuple[int, ...]:
        """Cells of the last turn: nothing of their own frame is drawn from them."""
        return self._drawn_in(self.num_turns - 1)

    def turns(self) -> tuple[Turn, ...]:
        guessed = self.guessed
        return tuple(
            Turn(
                known=self._drawn_in(turn - 1),
                guessed=tuple(cell for cell in guessed if self.turn_of[cell + 1] == turn),
                drawn=self._drawn_in(turn),
            )
            for turn in range(self.num_turns)
        )

    def sees(self, cell: int, turn: int) -> tuple[bool, ...]:
        """Which cells an entry of `cell` that is fed in `turn` may attend to: those up to it that
        have been fed with their own tokens by then. (A guess sees itself besides.)"""
        return tuple(other <= cell and at < turn for other, at in enumerate(self.turn_of))

    def _drawn_in(self, turn: int) -> tuple[int, ...]:
        return tuple(cell for cell, at in enumerate(self.turn_of) if at == turn)


def raster(height: int, width: int) -> DecodeOrder:
    """One cell after the other: `height * width` turns."""
    return DecodeOrder(tuple(range(height * width)))


def diagonal(height: int, width: int, window: int) -> DecodeOrder:
    """A row begins when the row above has `window` tokens: `width + (height - 1) * window` turns.
    Raises ValueError unless 1 <= window <= width; `window` = `width` is raster order."""
    if not 1 <= window <= width:
        raise ValueError(f"window must be from 1 to {width}, got {window}")
    return DecodeOrder(tuple(row * window + col for row in range(height) for col in range(width)))


def blocks(height: int, width: int, size: int) -> DecodeOrder:
    """Runs of `size` cells at once: `ceil(height * width / size)` turns."""
    return DecodeOrder(tuple(cell // size for cell in range(height * width)))
