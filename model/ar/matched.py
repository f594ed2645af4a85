"""A baseline of the same size as a Next-Frame Diffusion model, so that the two can be compared.
Knows no training and no clock.
"""

from dataclasses import replace

import torch
from torch import nn

from model.action_space import ActionSpace
from model.ar.transformer import ARConfig, ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.ar.world import ARWorld
from model.nfd.transformer import NFDConfig, NFDTransformer
from model.tokenizer.fsq import FSQ, FSQConfig
from model.tokenizer.vae import VAEConfig

# MineWorld's shape at 300M, beside the same width of NFD: 20 layers for 16, 4 queries a key head.
DEPTH_RATIO = 20 / 16
QUERIES_PER_KEY_HEAD = 4
MLP_STEP = 8  # widths of the MLP are multiples of this
CODE_LEVELS = (8, 5, 5, 5)  # 1,000 codes, as the authors of FSQ advise for a small codebook


def matched_world(space: ActionSpace, vae: VAEConfig, nfd: NFDConfig) -> ARWorld:
    """Untrained: as many parameters, tokens a frame and frames of context, and the same
    convolutions around the codes."""
    vocabulary = ActionVocabulary.of(space)
    codes = FSQConfig(levels=CODE_LEVELS, convs=replace(vae, latent_channels=len(CODE_LEVELS)))
    config = matched_config(nfd, vocabulary, codebook_size=codes.codebook_size)
    return ARWorld(
        action_space=space,
        vocabulary=vocabulary,
        tokenizer=FSQ(codes),
        transformer=ARTransformer(config),
    )


def matched_config(nfd: NFDConfig, vocabulary: ActionVocabulary, *, codebook_size: int) -> ARConfig:
    """The same grid, window, width and heads; deeper, as MineWorld is; the MLP's width fitted to
    the same number of parameters."""
    thinnest = ARConfig(
        codebook_size=codebook_size,
        num_action_ids=vocabulary.size,
        actions_per_frame=vocabulary.num_tokens,
        grid_height=nfd.grid_height,
        grid_width=nfd.grid_width,
        width=nfd.width,
        num_layers=round(DEPTH_RATIO * nfd.num_layers),
        num_heads=nfd.num_heads,
        num_kv_heads=max(1, nfd.num_heads // QUERIES_PER_KEY_HEAD),
        mlp_width=MLP_STEP,
        window=nfd.window,
    )
    with torch.device("meta"):
        wanted = num_parameters(NFDTransformer(nfd))
        least = num_parameters(ARTransformer(thinnest))
        wider = num_parameters(ARTransformer(replace(thinnest, mlp_width=2 * MLP_STEP)))
    num_steps = round((wanted - least) / (wider - least))
    return replace(thinnest, mlp_width=MLP_STEP * (1 + max(0, num_steps)))


def num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
