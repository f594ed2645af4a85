"""The inputs of a pass besides the slot mapping, in tensors that stay in place.

Shape letters: B rows, C h w latent channels, rows, columns, A action size.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from model.nfd.transformer import NFDConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowInputs:
    """What the transformer and the sampler are shown of each row."""

    latents_BChw: Tensor
    t_B: Tensor
    actions_BA: Tensor
    previous_BChw: Tensor
    previous_t_B: Tensor
    positions_B: Tensor  # int64
    next_t_B: Tensor
    noise_BChw: Tensor  # to re-noise with at `next_t_B`

    @classmethod
    def zeros(cls, config: NFDConfig, *, num_rows: int, device: torch.device) -> "RowInputs":
        cell = (config.latent_channels, config.grid_height, config.grid_width)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(num_rows, *shape, device=device)

        return cls(
            latents_BChw=zeros(*cell),
            t_B=zeros(),
            actions_BA=zeros(config.condition_size),
            previous_BChw=zeros(*cell),
            previous_t_B=zeros(),
            positions_B=zeros().long(),
            next_t_B=zeros(),
            noise_BChw=zeros(*cell),
        )

    def pick(self, numbers_P: Tensor) -> "RowInputs":
        """The rows of these numbers."""
        return RowInputs(
            **{
                field.name: getattr(self, field.name).index_select(0, numbers_P)
                for field in fields(self)
            }
        )

    def put(self, places_B: Tensor, rows: "RowInputs") -> None:
        """Row i of `rows` becomes row `places_B[i]`."""
        for field in fields(self):
            mine: Tensor = getattr(self, field.name)
            mine.index_copy_(0, places_B, getattr(rows, field.name))
