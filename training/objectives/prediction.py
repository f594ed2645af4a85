"""One pass of the transformer over whole training clips.

Shape letters: B clips, F frames, C h w latent channels, rows, columns, A action size.
"""

import torch
from torch import Tensor

from model.attention.by_frame import clip_attention
from model.nfd.transformer import PURE_NOISE_T, NFDTransformer, Previous
from training.objectives.hidden import PartialAttention


def predict(
    transformer: NFDTransformer,
    noisy_BFChw: Tensor,
    t_BF: Tensor,
    actions_BFA: Tensor,
    hidden_BF: Tensor | None = None,
) -> Tensor:
    """The direction for every frame. No frame attends to an earlier frame of `hidden_BF` or has it
    as previous frame; predictions for hidden frames are meaningless."""
    config = transformer.config
    num_frames = noisy_BFChw.shape[1]
    if hidden_BF is None:
        attend = clip_attention(num_frames, config.tokens_per_frame, config.window, noisy_BFChw)
    else:
        attend = PartialAttention(hidden_BF, config.tokens_per_frame, config.window)
        noisy_BFChw = noisy_BFChw * ~hidden_BF[:, :, None, None, None]
        t_BF = t_BF.masked_fill(hidden_BF, PURE_NOISE_T)  # with zeros: as if nothing came before
    positions = torch.arange(num_frames, device=noisy_BFChw.device)[None]
    direction: Tensor = transformer(
        noisy_BFChw, t_BF, actions_BFA, positions, Previous.absent(noisy_BFChw), attend
    )
    return direction
