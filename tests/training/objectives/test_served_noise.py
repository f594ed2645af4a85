"""Trained as served: clean pasts, own guesses from pure noise, a critic of whole jumps."""

import math

import pytest
import torch

from model.nfd.transformer import PURE_NOISE_T
from tests.training.tiny import CONFIG, clips, transformer
from training.distillation.clips import NoisyClips
from training.distillation.student import _jump
from training.objectives.history import History
from training.objectives.noise import FrameTimes
from training.recipes.settings.history import HistorySettings
from training.recipes.settings.noise import NoiseMixture


def test_served_clips_are_context_up_to_a_frame_and_noisy_from_there() -> None:
    mixture = NoiseMixture(served_share=1.0)
    t_BF, is_context_BF = FrameTimes(mixture).draw_roles((200, 8), torch.Generator().manual_seed(0))
    assert (is_context_BF.int().diff(dim=1) <= 0).all()  # never context again
    assert is_context_BF[:, 0].all() and not is_context_BF[:, -1].any()
    assert (t_BF[is_context_BF] <= mixture.context_max_t).all()
    assert len(set(is_context_BF.sum(dim=1).tolist())) == 7  # every length of a past


def test_without_a_share_nothing_is_drawn_otherwise() -> None:
    drawn = [
        FrameTimes(NoiseMixture(**share)).draw((16, 8), torch.Generator().manual_seed(3))
        for share in ({}, {"served_share": 0.0})
    ]
    assert torch.equal(*drawn)


@pytest.mark.parametrize("from_noise", [False, True])
def test_guesses_from_pure_noise_know_nothing_of_the_truth(from_noise: bool) -> None:
    settings = HistorySettings(chain_share=1.0, chain_from_noise=from_noise)
    history = History(transformer(), NoiseMixture(), settings)
    batch = clips().draw(torch.Generator().manual_seed(0))
    other = type(batch)(latents_BFChw=batch.latents_BFChw + 1.0, actions_BFA=batch.actions_BFA)
    t_BF = torch.zeros(4, CONFIG.window)
    ours, theirs = (
        history.show(each, t_BF, torch.Generator().manual_seed(1)).latents_BFChw
        for each in (batch, other)
    )
    assert torch.allclose(ours, theirs, atol=1e-5) == from_noise


def test_a_jump_begins_at_pure_noise_where_frames_move() -> None:
    batch = NoisyClips.draw(clips(), NoiseMixture(), torch.Generator().manual_seed(0))
    made = _jump(transformer(), batch)
    far = batch.at(torch.full_like(batch.t_BF, PURE_NOISE_T))
    assert (far.t_BF[batch.moves_BF] == math.pi / 2).all()
    assert torch.equal(far.t_BF[~batch.moves_BF], batch.t_BF[~batch.moves_BF])
    assert made.shape == batch.clean_BFChw.shape
    changed = NoisyClips(
        clean_BFChw=torch.where(
            batch.moves_BF[:, :, None, None, None], batch.clean_BFChw + 1, batch.clean_BFChw
        ),
        noise_BFChw=batch.noise_BFChw, t_BF=batch.t_BF, moves_BF=batch.moves_BF,
        actions_BFA=batch.actions_BFA,
    )  # fmt: skip
    torch.testing.assert_close(_jump(transformer(), changed), made, atol=1e-5, rtol=1e-5)
