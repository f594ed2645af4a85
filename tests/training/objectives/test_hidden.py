"""A hidden frame is as if it had never been drawn."""

import torch

from tests.training.tiny import CONFIG, clips, transformer
from training.objectives.prediction import predict


def test_nothing_hidden_is_a_plain_pass() -> None:
    network = transformer()
    batch = clips(num_lead=3).draw(torch.Generator().manual_seed(0))  # longer than the window
    noisy, t_BF = batch.latents_BFChw, torch.full(batch.latents_BFChw.shape[:2], 0.3)
    plain = predict(network, noisy, t_BF, batch.actions_BFA)
    nothing_BF = torch.zeros_like(t_BF, dtype=torch.bool)
    seen = predict(network, noisy, t_BF, batch.actions_BFA, nothing_BF)
    assert torch.allclose(seen, plain, atol=1e-5)


def test_nothing_of_a_hidden_frame_reaches_a_later_one() -> None:
    network = transformer()
    batch = clips(batch_size=2).draw(torch.Generator().manual_seed(0))
    noisy, actions = batch.latents_BFChw, batch.actions_BFA
    t_BF = torch.full(noisy.shape[:2], 0.3)
    hidden_BF = torch.zeros(2, CONFIG.window, dtype=torch.bool)
    hidden_BF[0, 1] = True  # of the first clip only
    before = predict(network, noisy, t_BF, actions, hidden_BF)
    noisy[:, 1], actions[:, 1], t_BF[:, 1] = 7.0, -3.0, 1.0
    after = predict(network, noisy, t_BF, actions, hidden_BF)
    assert torch.equal(after[0, 2:], before[0, 2:])
    assert not torch.allclose(after[1, 2:], before[1, 2:])
    assert torch.equal(after[:, 0], before[:, 0])


def test_all_hidden_is_a_beginning() -> None:
    """A frame behind nothing but hidden frames is a clip's first frame, but for its position, of
    which only differences count."""
    network = transformer()
    batch = clips(batch_size=2).draw(torch.Generator().manual_seed(0))
    t_BF = torch.full(batch.latents_BFChw.shape[:2], 0.3)
    hidden_BF = torch.ones_like(t_BF, dtype=torch.bool)
    hidden_BF[:, -1] = False
    behind = predict(network, batch.latents_BFChw, t_BF, batch.actions_BFA, hidden_BF)[:, -1:]
    last = slice(-1, None)
    alone = predict(
        network, batch.latents_BFChw[:, last], t_BF[:, last], batch.actions_BFA[:, last]
    )
    assert torch.allclose(behind, alone, atol=1e-5)
