"""The student's own play: which frames it is, where it begins anew, and who learns from it."""

import torch
from torch import Tensor

from tests.training.tiny import CONFIG, SAMPLER, clips, transformer
from training.data.latents import ClipSource
from training.distillation.clips import NoisyClips, glances
from training.distillation.objective import own_play
from training.distillation.own_play import OwnPlay
from training.distillation.student import Student
from training.objectives.rollout import Rollout
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.own_play import OwnPlaySettings

SETTINGS = OwnPlaySettings(strength=0.5, dreams=3, depth=9, stride=2, glance=2)
FILMS = clips(batch_size=3, num_frames=96, num_lead=SETTINGS.num_frames)


def _parts(source: ClipSource = FILMS) -> tuple[Student, OwnPlay]:
    torch.manual_seed(1)
    student = Student(transformer(), SETTINGS)
    teacher = transformer(spread=0.2).eval().requires_grad_(False)
    return student, own_play(student, teacher, source, SAMPLER, SETTINGS)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _true_clips(seed: int = 0) -> NoisyClips:
    return NoisyClips.draw(clips(batch_size=2), NoiseMixture(pure_share=0.0), _generator(seed))


def test_dreams_go_on_as_the_world_is_played_under_their_hands() -> None:
    student, play = _parts()
    play.play_on(3, _generator(0))
    dreams = student.dreams
    before, age = dreams.latents_NWChw.clone(), dreams.age_N.clone()
    dreams.end_N[:] = 9
    played = play.play_on(1, _generator(7))
    (chosen,) = (dreams.age_N != age).nonzero()[:, 0].tolist()
    hands = dreams.actions_NTA[chosen, age[chosen] : age[chosen] + CONFIG.window + 2]
    generator = _generator(7)
    torch.randperm(3, generator=generator)
    FILMS.draw(generator)
    torch.randint(1, 10, (0,), generator=generator)
    drawn = Rollout(student.transformer, SAMPLER, 2)(
        before[chosen : chosen + 1], hands[None], generator
    )
    torch.testing.assert_close(played.latents_BFChw, drawn[:, 2:])
    assert torch.equal(played.actions_BFA[0], hands[2:])
    assert torch.equal(dreams.latents_NWChw[chosen], drawn[0, 2:])


def test_each_begins_in_true_play_and_begins_anew_when_it_is_over() -> None:
    student, play = _parts()
    dreams = student.dreams
    ages, ends = [], []
    for step in range(40):
        play.play_on(1, _generator(step))
        ages.append(int(dreams.age_N.max()))
        ends += dreams.end_N[dreams.end_N > 0].tolist()
    assert 2 < max(ages) <= SETTINGS.depth + SETTINGS.stride - 1
    assert min(ends) == 1 and max(ends) == 9
    film = FILMS._films[0]
    first = dreams.actions_NTA[0]
    places = film.actions_NA.unfold(0, len(first), 1).transpose(1, 2)
    assert any(torch.equal(first, place) for place in places)


def test_what_it_plays_is_part_of_the_students_state() -> None:
    student, play = _parts()
    for step in range(5):
        play.play_on(2, _generator(step))
    other, other_play = _parts()
    other.load_state_dict(student.state_dict())
    ours, theirs = (p.play_on(2, _generator(9)).latents_BFChw for p in (play, other_play))
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


def test_the_critic_sees_own_frames_against_true_ones_a_glance_at_a_time() -> None:
    _, play = _parts()
    seen: list[Tensor] = []
    teacher = play._adversary._teacher
    teacher.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    true = _true_clips()
    play(true, _generator(0))
    assert [tuple(noisy.shape[:2]) for noisy in seen] == [(4, 2)] * 3
    is_context = ~glances(true.moves_BF, 2)
    own, real = seen[0][is_context], seen[1][is_context]
    assert torch.equal(real, glances(true.noisy_BFChw, 2)[is_context])
    assert own.numel() and not torch.equal(own, real)


def test_glances_are_the_clip_in_order() -> None:
    counted = torch.arange(10).reshape(2, 5)
    assert glances(counted, 2).tolist() == [[0, 1], [2, 3], [5, 6], [7, 8]]
