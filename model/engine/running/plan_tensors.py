"""The rows of a plan as tensors on the device. Decides nothing, keeps nothing.

Shape letters: R rows, D rows that draw, C h w latent channels, rows, columns, A action size.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from model.cache.page_table import Placement
from model.cache.transfer import send
from model.engine.types import DrawnFrame, PassPlan
from model.world import WorldSpec

Draw = Callable[..., Tensor]  # as `model.sampling.noise.draw_noise`


class PlanTensors:
    """Makes few copies to the device, and the host waits for none."""

    def __init__(self, spec: WorldSpec, device: torch.device, draw: Draw) -> None:
        config = spec.nfd
        self.cell = (config.latent_channels, config.grid_height, config.grid_width)
        self._condition_size = config.condition_size
        self._times = {steps: (*times, 0.0) for steps, times in spec.sampler.times.items()}
        self._device = device
        self._draw = draw

    def t(self, drawn: Sequence[DrawnFrame]) -> Tensor:
        """(D,): where each row is before the pass."""
        return self._floats([self._times[row.request.num_steps][row.denoise_step] for row in drawn])

    def next_t(self, drawn: Sequence[DrawnFrame]) -> Tensor:
        """(D,): the time of each row after the pass; 0 is clean."""
        return self._floats(
            [self._times[row.request.num_steps][row.denoise_step + 1] for row in drawn]
        )

    def actions(self, drawn: Sequence[DrawnFrame]) -> Tensor:
        """(D, A), with the states behind the actions."""
        conditions = torch.tensor([(*row.request.action, *row.state) for row in drawn])
        return send(conditions, self._device).view(len(drawn), self._condition_size)

    def positions(self, placements: Sequence[Placement], num_padding: int = 0) -> Tensor:
        """(R + padding,)."""
        return self._integers([where.frame_idx for where in placements] + [0] * num_padding)

    def places(self, drawn: Sequence[DrawnFrame]) -> tuple[Tensor, Tensor]:
        """Slots and branches, (D,) each."""
        slots_D, branches_D = self._integers(
            ([row.placement.slot for row in drawn], [row.branch for row in drawn])
        )
        return slots_D, branches_D

    def last(self, plan: PassPlan) -> Tensor:
        """Which of the drawn rows are finished."""
        return self._integers([number for number, row in enumerate(plan.drawn) if row.is_last])

    def fresh(self, drawn: Sequence[DrawnFrame]) -> Tensor:
        """Numbers of the drawn rows at their first denoise step."""
        return self._integers([n for n, row in enumerate(drawn) if row.denoise_step == 0])

    def next_noise(self, drawn: Sequence[DrawnFrame]) -> Tensor:
        """(D, C, h, w): the noise that re-noises each row after the pass."""
        return self.noise(drawn, [None if r.is_last else r.denoise_step + 1 for r in drawn])

    def noise(self, rows: Sequence[DrawnFrame], steps: Sequence[int | None]) -> Tensor:
        """(R, C, h, w), each by the row's own key; zeros for no step."""
        noise_RChw = torch.zeros(len(rows), *self.cell)
        for noise_Chw, row, step in zip(noise_RChw, rows, steps, strict=True):
            if step is not None:
                noise_Chw.copy_(self.draw(row.seed, row.placement.frame_idx, step))
        return send(noise_RChw, self._device)

    def draw(self, seed: int, frame_idx: int, denoise_step: int) -> Tensor:
        """(C, h, w) on the CPU."""
        return self._draw(self.cell, seed=seed, frame_idx=frame_idx, denoise_step=denoise_step)

    def _floats(self, values: Sequence[float]) -> Tensor:
        return send(torch.tensor(values), self._device)

    def _integers(self, values: Sequence[object]) -> Tensor:
        return send(torch.tensor(values, dtype=torch.int64), self._device)
