"""The baseline learns what its decode order lets it see, and draws what it has learned."""

from dataclasses import replace

import pytest
import torch

from model import presets
from model.action_space import ActionSpace
from model.ar.decoding.order import DecodeOrder, diagonal, raster
from model.ar.matched import matched_config
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.tokenizer.fsq import FSQ, FSQConfig
from training.ablations.autoregression.next_token import NextToken, action_ids, codes_of_clips
from training.data.latents import ClipSource, LatentRecording
from training.loop.optimizers import nfd_optimizers

CPU = torch.device("cpu")
SPACE = ActionSpace(
    buttons=("forward", "back"), degrees_per_count=0.1, key_turn_deg=6.0,
    yaw_bins_deg=(-6.0, 0.0, 6.0),
)  # fmt: skip
VOCABULARY = ActionVocabulary.of(SPACE)
TOKENIZER = FSQ(
    FSQConfig(levels=(4, 3), convs=replace(presets.debug().vae, latent_channels=2))
).eval()
NFD = replace(presets.debug().nfd, window=4, width=32)


def cycling_film() -> LatentRecording:
    """All four cells go one code up when `forward` is held, and stay when it is not."""
    held = torch.rand(400, generator=torch.Generator().manual_seed(0)) < 0.5
    codes = held.long().cumsum(0)[:, None].add(torch.arange(4)) % 12
    return LatentRecording(
        latents_NChw=TOKENIZER.latents_of(codes.view(-1, 2, 2)),
        actions_NA=torch.stack((held.float(), torch.zeros(400), torch.zeros(400)), dim=1),
        cuts_N=torch.arange(400) == 0,
    )


@pytest.mark.parametrize("order", [raster(2, 2), diagonal(2, 2, 1)], ids=["raster", "diagonal"])
def test_a_world_that_obeys_its_actions_is_learned(order: DecodeOrder) -> None:
    torch.manual_seed(0)
    transformer = ARTransformer(matched_config(NFD, VOCABULARY, codebook_size=12))
    clips = ClipSource([cycling_film()], 4, 16, CPU)
    objective = NextToken(transformer, TOKENIZER, VOCABULARY, order, clips)
    optimizers = nfd_optimizers(transformer, muon_lr=1e-2, adamw_lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for step in range(120):
        objective(generator, step)["loss"].backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert objective(generator, 120)["accuracy"] > 0.95


def test_clips_become_the_ids_that_the_transformer_is_fed() -> None:
    film = cycling_film()
    codes = codes_of_clips(TOKENIZER, film.latents_NChw[None, :3].half().float())
    assert codes.shape == (1, 3, 4)
    assert (codes[0, :, 1:] - codes[0, :, :-1]).remainder(12).eq(1).all()
    ids = action_ids(VOCABULARY, 12, torch.tensor([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]]))
    assert ids.tolist() == [[[12 + 1, 12 + 3], [12 + 2, 12 + 4]]]
