"""Next-Frame Diffusion's transformer (arXiv 2506.01380): noisy frames, their noise levels and
actions in; the TrigFlow direction out. Knows nothing of caches, samplers or sessions.

Coordinates are TrigFlow's (arXiv 2410.11081) with data of unit variance: x_t = cos t x0 + sin t z,
t in [0, pi/2], and the output predicts cos t z - sin t x0. A flow-matching network is the same
thing in other coordinates; `model.sampling` holds the exact conversion.

Shape letters: B sessions, F frames, P tokens per frame, D width, A action size,
C h w latent channels, rows, columns.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from model.attention.backend import Attend
from model.layers.rope import RotaryEmbedding, Rotation
from model.nfd.block import DiTBlock, modulate
from model.nfd.conditioning import Conditioning
from model.place.config import PlaceConfig
from model.place.map import PlaceMap

PURE_NOISE_T = math.pi / 2
MIN_GEMM_ROWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NFDConfig:
    """`window` counts the frames that a frame may attend to, the frame included. With
    `concat_previous`, the previous frame (with context noise) is also part of a frame's input
    channels: small models learn motion much faster. With `see_neighbours` each cell gets the 3 x 3
    cells around the cell in the previous frame: where motion is a shift by a token, the first layer
    alone can compute the shift. With a `place`, a frame is also conditioned on the player's state,
    and the view of the place's map is part of the frame's input channels."""

    latent_channels: int
    grid_height: int
    grid_width: int
    width: int
    num_layers: int
    num_heads: int
    action_size: int
    window: int
    mlp_ratio: int = 4
    concat_previous: bool = False
    see_neighbours: bool = False
    place: PlaceConfig | None = None

    def __post_init__(self) -> None:
        if self.see_neighbours and not self.concat_previous:
            raise ValueError("see_neighbours widens concat_previous, which is off")

    @property
    def in_channels(self) -> int:
        """Input channels of a cell: the frame's, and those of the previous frame and the map, if
        any."""
        previous = (9 if self.see_neighbours else 1) if self.concat_previous else 0
        return self.latent_channels * (1 + previous)

    @property
    def condition_size(self) -> int:
        """Numbers that condition a frame: the action, then the state."""
        return self.action_size + (self.place.state_size if self.place else 0)

    @property
    def tokens_per_frame(self) -> int:
        return self.grid_height * self.grid_width

    @property
    def head_size(self) -> int:
        return self.width // self.num_heads


@dataclass(frozen=True, slots=True)
class Previous:
    """The frame before the first frame of a pass: latents (B, C, h, w) and their t (B,)."""

    x_BChw: Tensor
    t_B: Tensor

    @classmethod
    def absent(cls, x_BFChw: Tensor) -> "Previous":
        """Nothing came before: zeros, labelled as pure noise."""
        batch = x_BFChw.shape[0]
        return cls(torch.zeros_like(x_BFChw[:, 0]), x_BFChw.new_full((batch,), PURE_NOISE_T))


class NFDTransformer(nn.Module):
    """Block-causal DiT with adaLN-Zero per frame, 3D RoPE and QK-norm."""

    def __init__(self, config: NFDConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Linear(config.in_channels, width)
        self.position_PD = nn.Parameter(torch.randn(config.tokens_per_frame, width) * 0.02)
        self.rope = RotaryEmbedding(config.head_size, config.grid_height, config.grid_width)
        self.conditioning = Conditioning(width, config.action_size)
        # Shift, scale, gate of every layer and the head in one matmul, once per frame.
        self.modulation = nn.Linear(width, (6 * config.num_layers + 2) * width)
        self.blocks = nn.ModuleList(
            DiTBlock(layer, width, config.num_heads, config.mlp_ratio)
            for layer in range(config.num_layers)
        )
        self.head = nn.Linear(width, config.latent_channels)
        for zero in (self.modulation, self.head):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)
        if config.place is not None:
            cell = (config.latent_channels, config.grid_height, config.grid_width)
            self.place = PlaceMap(config.place, *cell)
            self.seen = nn.Linear(config.latent_channels, width)
            nn.init.zeros_(self.seen.weight)
            nn.init.zeros_(self.seen.bias)

    def forward(
        self,
        x_BFChw: Tensor,
        t_BF: Tensor,
        actions_BFA: Tensor,
        positions_BF: Tensor,
        previous: Previous,
        attend: Attend,
        seen_BFChw: Tensor | None = None,
    ) -> Tensor:
        """Predicted direction (B, F, C, h, w) for frames at integer time positions (B or 1, F).

        `attend` decides which keys each query meets, and must be made for the F frames. In a world
        with a place `actions_BFA` holds the states behind the actions; `seen_BFChw` is the result
        of `look`, where already known.
        """
        previous_t_BF = torch.cat((previous.t_B[:, None], t_BF[:, :-1]), dim=1)
        modulation = self.modulate(t_BF, previous_t_BF, actions_BFA)
        if self.config.place is not None and seen_BFChw is None:
            seen_BFChw = self.look(actions_BFA)
        rotation = self.rope(positions_BF)
        return self.predict(x_BFChw, previous.x_BChw, modulation, rotation, attend, seen_BFChw)

    def look(self, conditions_BFA: Tensor) -> Tensor:
        """What should be seen (B, F, C, h, w), by the place's map, from the states."""
        states_NS = conditions_BFA.flatten(0, 1)[:, self.config.action_size :]
        seen_NChw: Tensor = self.place(states_NS)
        return seen_NChw.view(*conditions_BFA.shape[:2], *seen_NChw.shape[1:])

    def modulate(self, t_BF: Tensor, previous_t_BF: Tensor, actions_BFA: Tensor) -> Tensor:
        """Shift, scale and gate of all layers and the head: (6 * layers + 2, B, F, 1, D).

        A row's result does not depend on the number of rows: below MIN_GEMM_ROWS, BLAS takes other
        kernels with other rounding, and fewer rows are padded.
        """
        batch, num_frames = t_BF.shape
        missing = max(0, MIN_GEMM_ROWS - batch * num_frames)
        conditioning_MD = self.conditioning(
            nnf.pad(t_BF.flatten(), (0, missing)),
            nnf.pad(previous_t_BF.flatten(), (0, missing)),
            nnf.pad(actions_BFA[..., : self.config.action_size].flatten(0, 1), (0, 0, 0, missing)),
        )
        stacked_MD: Tensor = self.modulation(nnf.silu(conditioning_MD))[: batch * num_frames]
        stacked = stacked_MD.view(batch, num_frames, -1, self.config.width)
        return stacked.movedim(-2, 0).unsqueeze(-2)

    def predict(
        self,
        x_BFChw: Tensor,
        previous_BChw: Tensor,
        modulation: Tensor,
        rotation: Rotation,
        attend: Attend,
        seen_BFChw: Tensor | None = None,
    ) -> Tensor:
        """`forward` with what several passes over the same frames share computed beforehand."""
        hidden = self._embed(x_BFChw, previous_BChw)
        if seen_BFChw is not None:
            hidden = hidden + self.seen(seen_BFChw.flatten(3).transpose(2, 3))
        for layer, block in enumerate(self.blocks):
            hidden = block(hidden, modulation[6 * layer : 6 * layer + 6], rotation, attend)
        shift, scale = modulation[-2:]
        return self._unembed(self.head(modulate(hidden, shift, scale)))

    def _embed(self, x_BFChw: Tensor, previous_BChw: Tensor) -> Tensor:
        if self.config.concat_previous:
            shifted = torch.cat((previous_BChw[:, None], x_BFChw[:, :-1]), dim=1)
            if self.config.see_neighbours:
                shifted = _with_neighbours(shifted)
            x_BFChw = torch.cat((x_BFChw, shifted), dim=2)
        tokens_BFPC = x_BFChw.flatten(3).transpose(2, 3)
        embedded: Tensor = self.embed(tokens_BFPC) + self.position_PD
        return embedded

    def _unembed(self, tokens_BFPC: Tensor) -> Tensor:
        batch, num_frames, _, channels = tokens_BFPC.shape
        cell = (channels, self.config.grid_height, self.config.grid_width)
        return tokens_BFPC.transpose(2, 3).reshape(batch, num_frames, *cell)


def _with_neighbours(frames_BFChw: Tensor) -> Tensor:
    """Nine channels of each: the 3 x 3 cells around every cell, zeros outside the frame."""
    around = nnf.unfold(frames_BFChw.flatten(0, 1), kernel_size=3, padding=1)
    batch, num_frames, _, *cells = frames_BFChw.shape
    return around.view(batch, num_frames, -1, *cells)
