"""The token-autoregressive baseline's objective (MineWorld, arXiv 2504.08388): all cells of a clip
in one pass, each predicted from the cells before it in the decode order.

Shape letters: B clips, F frames, P cells, A action tokens, V codes, S entries.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.ar.clip import ClipAttention, ClipLayout
from model.ar.decoding.order import DecodeOrder
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.tokenizer.fsq import FSQ
from training.data.latents import ClipSource
from training.device import autocast
from training.objectives.objective import Losses


class NextToken:
    """Cross-entropy of the codes of every frame but a clip's first, which nothing foretells."""

    def __init__(
        self,
        transformer: ARTransformer,
        tokenizer: FSQ,
        vocabulary: ActionVocabulary,
        order: DecodeOrder,
        clips: ClipSource,
    ) -> None:
        self._transformer = transformer
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._order = order
        self._clips = clips

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        clips = self._clips.draw(generator)
        codes_BFP = codes_of_clips(self._tokenizer, clips.latents_BFChw)
        config = self._transformer.config
        actions_BFA = action_ids(self._vocabulary, config.codebook_size, clips.actions_BFA)
        with autocast(codes_BFP.device):
            logits_BFPV = foretell(self._transformer, self._order, codes_BFP, actions_BFA)
        logits, codes = logits_BFPV[:, 1:].float(), codes_BFP[:, 1:]
        loss = nnf.cross_entropy(logits.flatten(0, 2), codes.flatten())
        accuracy = (logits.argmax(dim=-1) == codes).float().mean()
        return {"loss": loss, "accuracy": accuracy}


def foretell(
    transformer: ARTransformer, order: DecodeOrder, codes_BFP: Tensor, actions_BFA: Tensor
) -> Tensor:
    """Log-odds (B, F, P, V) of every cell, in one masked pass."""
    layout = ClipLayout.build(transformer.config, order, codes_BFP.shape[1], codes_BFP.device)
    ids_BS = layout.ids(codes_BFP, actions_BFA)
    hidden_BSD = transformer(ids_BS, layout.positions_1S, ClipAttention(layout))
    return transformer.logits(hidden_BSD[:, layout.sources_FP])


def codes_of_clips(tokenizer: FSQ, latents_BFChw: Tensor) -> Tensor:
    """int64 (B, F, P)."""
    codes_Mhw = tokenizer.codes_of(latents_BFChw.flatten(0, 1))
    return codes_Mhw.view(*latents_BFChw.shape[:2], -1)


def action_ids(vocabulary: ActionVocabulary, codebook_size: int, actions_BFA: Tensor) -> Tensor:
    """Action vectors (B, F, entries) as the transformer's ids (B, F, A)."""
    batch, num_frames, _ = actions_BFA.shape
    spelt = [vocabulary.tokens(vector) for vector in actions_BFA.flatten(0, 1).tolist()]
    ids = torch.tensor(spelt, device=actions_BFA.device) + codebook_size
    return ids.view(batch, num_frames, -1)
