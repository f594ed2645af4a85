"""What clips show in the place of true context, and that none of it is a lesson."""

import pytest
import torch

from tests.training.tiny import CONFIG, SAMPLER, clips, transformer
from training.data.latents import Clips
from training.objectives.flow_matching import FlowMatching
from training.objectives.history import History, Shown
from training.objectives.rollout import Rollout
from training.recipes.settings.history import TRUTH, HistorySettings
from training.recipes.settings.noise import NoiseMixture

MIXTURE = NoiseMixture()
CHAIN = HistorySettings(chain_share=0.5)
DROPOUT = HistorySettings(dropout=0.25)
ROLLOUT = HistorySettings(rollout_share=0.5, rollout_frames=3)


def _batch(settings: HistorySettings, batch_size: int = 256) -> Clips:
    source = clips(batch_size, num_lead=settings.num_lead)
    return source.draw(torch.Generator().manual_seed(0))


def _times(batch_size: int) -> torch.Tensor:
    """Even frames are context, odd ones are not."""
    return torch.tensor([0.1, 1.2] * (CONFIG.window // 2)).repeat(batch_size, 1)


def _show(settings: HistorySettings, batch: Clips) -> Shown:
    history = History(transformer(), MIXTURE, settings, SAMPLER)
    t_BF = _times(len(batch.latents_BFChw))
    return history.show(batch, t_BF, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("settings", [TRUTH, CHAIN, DROPOUT, ROLLOUT])
def test_what_is_not_its_own_work_is_the_truth(settings: HistorySettings) -> None:
    batch = _batch(settings, batch_size=8)
    shown = _show(settings, batch)
    assert torch.equal(shown.truth_BFChw, batch.latents_BFChw[:, settings.num_lead :])
    assert torch.equal(shown.actions_BFA, batch.actions_BFA[:, settings.num_lead :])
    true_BF = ~shown.own_BF
    assert torch.equal(shown.latents_BFChw[true_BF], shown.truth_BFChw[true_BF])
    assert not torch.isclose(
        shown.latents_BFChw[shown.own_BF], shown.truth_BFChw[shown.own_BF]
    ).all(dim=(1, 2, 3)).any()  # fmt: skip


def test_the_truth_alone_is_all_a_lesson() -> None:
    assert _show(TRUTH, _batch(TRUTH, 8)).taught_BF.all()


def test_shares_are_of_the_context() -> None:
    for settings, share in ((CHAIN, 0.5), (DROPOUT, 0.25)):
        shown = _show(settings, _batch(settings))
        untaught_BF = ~shown.taught_BF
        assert not untaught_BF[:, 1::2].any()
        assert untaught_BF[:, ::2].float().mean().item() == pytest.approx(share, abs=0.08)


def test_played_clips_show_the_networks_own_frames_as_they_follow_each_other() -> None:
    batch = _batch(ROLLOUT, batch_size=4)
    shown = _show(ROLLOUT, batch)
    played = Rollout(transformer(), SAMPLER, 2)(
        batch.latents_BFChw[:2, :3], batch.actions_BFA[:2], torch.Generator().manual_seed(1)
    )
    assert torch.equal(shown.latents_BFChw[:2, ::2], played[:, ROLLOUT.num_lead :][:, ::2])
    drawn_BF = torch.tensor([[False, False, True, False]] * 2 + [[False] * 4] * 2)
    assert torch.equal(shown.own_BF, drawn_BF)  # the first is still of the real beginning


@pytest.mark.parametrize(
    "settings",
    [
        HistorySettings(chain_share=1.0),
        HistorySettings(dropout=1.0),
        HistorySettings(rollout_share=1.0, rollout_frames=CONFIG.window),
    ],
)
def test_its_own_work_and_hidden_frames_are_not_learned_from(settings: HistorySettings) -> None:
    all_context = NoiseMixture(context_share=1.0)

    def loss(settings: HistorySettings) -> torch.Tensor:
        network = transformer()
        history = History(network, all_context, settings, SAMPLER)
        source = clips(num_lead=settings.num_lead)
        objective = FlowMatching(network, source, all_context, history)
        return objective(torch.Generator().manual_seed(0), 0)["loss"]

    assert loss(settings) == 0
    assert loss(TRUTH) > 0
