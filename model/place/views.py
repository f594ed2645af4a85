"""Views of the place's map for the states in play, each computed once. A view is a pure function of
the state, so the order and the company of requests change nothing.

Shape letters: B rows, C h w latent channels, rows, columns, A condition size.
"""

from collections import OrderedDict

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer


class Views:
    """Keeps the newest `capacity` views; more are computed anew."""

    def __init__(self, transformer: NFDTransformer, capacity: int) -> None:
        self._transformer = transformer
        self._capacity = capacity
        self._kept: OrderedDict[tuple[float, ...], Tensor] = OrderedDict()

    def of(self, conditions_BA: Tensor) -> Tensor:
        """(B, C, h, w) for rows with these actions and states."""
        first = self._transformer.config.action_size
        states = [tuple(row) for row in conditions_BA[:, first:].tolist()]
        for row, state in enumerate(states):
            if state not in self._kept:  # each alone: other rows round otherwise
                self._kept[state] = self._transformer.look(conditions_BA[row][None, None])[0, 0]
            self._kept.move_to_end(state)
        views_BChw = torch.stack([self._kept[state] for state in states])
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return views_BChw
