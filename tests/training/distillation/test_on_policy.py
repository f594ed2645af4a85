"""On-policy rollouts: their frames, their starts and ends, and which networks learn from them."""

import pytest
import torch
from torch import Tensor

from tests.training.tiny import CONFIG, SAMPLER, clips, transformer
from training.data.latents import ClipSource
from training.distillation.clips import NoisyClips, sub_clips
from training.distillation.objective import on_policy_loss
from training.distillation.on_policy import OnPolicyLoss
from training.distillation.student import Student
from training.objectives.rollout import Rollout
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.on_policy import OnPolicySettings

SETTINGS = OnPolicySettings(
    strength=0.5, num_rollouts=3, max_rollout_frames=9, stride=2, sub_clip_frames=2
)
FILMS = clips(batch_size=3, num_frames=96, num_lead=SETTINGS.num_frames)


def _parts(source: ClipSource = FILMS) -> tuple[Student, OnPolicyLoss]:
    torch.manual_seed(1)
    student = Student(transformer(), SETTINGS)
    teacher = transformer(spread=0.2).eval().requires_grad_(False)
    return student, on_policy_loss(student, teacher, source, SAMPLER, SETTINGS)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _true_clips(seed: int = 0) -> NoisyClips:
    return NoisyClips.draw(clips(batch_size=2), NoiseMixture(pure_share=0.0), _generator(seed))


def test_rollouts_continue_as_the_world_is_served_under_their_actions() -> None:
    student, play = _parts()
    play.continue_rollouts(3, _generator(0))
    buffer = student.dreams
    before, age = buffer.latents_NWChw.clone(), buffer.age_N.clone()
    buffer.end_N[:] = 9
    played = play.continue_rollouts(1, _generator(7))
    (chosen,) = (buffer.age_N != age).nonzero()[:, 0].tolist()
    actions = buffer.actions_NTA[chosen, age[chosen] : age[chosen] + CONFIG.window + 2]
    generator = _generator(7)
    torch.randperm(3, generator=generator)
    FILMS.draw(generator)
    torch.randint(1, 10, (0,), generator=generator)
    drawn = Rollout(student.transformer, SAMPLER, 2)(
        before[chosen : chosen + 1], actions[None], generator
    )
    torch.testing.assert_close(played.latents_BFChw, drawn[:, 2:])
    assert torch.equal(played.actions_BFA[0], actions[2:])
    assert torch.equal(buffer.latents_NWChw[chosen], drawn[0, 2:])


def test_a_rollout_starts_from_recorded_frames_and_restarts_at_its_end() -> None:
    student, play = _parts()
    buffer = student.dreams
    ages, ends = [], []
    for step in range(40):
        play.continue_rollouts(1, _generator(step))
        ages.append(int(buffer.age_N.max()))
        ends += buffer.end_N[buffer.end_N > 0].tolist()
    assert 2 < max(ages) <= SETTINGS.max_rollout_frames + SETTINGS.stride - 1
    assert min(ends) == 1 and max(ends) == 9
    film = FILMS._recordings[0]
    first = buffer.actions_NTA[0]
    places = film.actions_NA.unfold(0, len(first), 1).transpose(1, 2)
    assert any(torch.equal(first, place) for place in places)


def test_rollouts_are_part_of_the_students_state() -> None:
    student, play = _parts()
    for step in range(5):
        play.continue_rollouts(2, _generator(step))
    other, other_play = _parts()
    other.load_state_dict(student.state_dict())
    ours, theirs = (p.continue_rollouts(2, _generator(9)).latents_BFChw for p in (play, other_play))
    assert torch.equal(ours, theirs)


def test_each_side_of_the_game_moves_only_its_own() -> None:
    student, play = _parts()
    losses = play(_true_clips(), _generator(0))
    assert losses["play_game"].item() == (
        0.5 * losses["play_fooling"] + losses["play_critic"]
    ).item()  # fmt: skip
    losses["play_fooling"].backward(retain_graph=True)  # type: ignore[no-untyped-call]
    assert _moved(student.transformer) and not _moved(student.play_critic)
    student.zero_grad(set_to_none=True)
    losses["play_critic"].backward()  # type: ignore[no-untyped-call]
    assert _moved(student.play_critic)
    assert not _moved(student.transformer) and not _moved(student.critic)


def _moved(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())


def test_the_critic_sees_generated_and_recorded_frames_in_sub_clips() -> None:
    _, play = _parts()
    seen: list[Tensor] = []
    teacher = play._adversary._teacher
    teacher.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    true = _true_clips()
    play(true, _generator(0))
    assert [tuple(noisy.shape[:2]) for noisy in seen] == [(4, 2)] * 3
    is_context = ~sub_clips(true.moves_BF, 2)
    generated, real = seen[0][is_context], seen[1][is_context]
    assert torch.equal(real, sub_clips(true.noisy_BFChw, 2)[is_context])
    assert generated.numel() and not torch.equal(generated, real)


def test_sub_clips_are_the_clip_in_order() -> None:
    counted = torch.arange(10).reshape(2, 5)
    assert sub_clips(counted, 2).tolist() == [[0, 1], [2, 3], [5, 6], [7, 8]]


def test_a_batch_larger_than_the_rollouts_is_refused_by_name() -> None:
    settings = OnPolicySettings(strength=0.5, num_rollouts=12)
    settings.check_batch(12)
    with pytest.raises(ValueError, match=r"student\.batch_size: at most 12"):
        settings.check_batch(13)
