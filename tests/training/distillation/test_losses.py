"""What the student's losses come to where the network is a formula, worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from model.nfd.transformer import NFDTransformer
from tests.training.tiny import CONFIG, clips, transformer
from training.distillation.adversary import Adversary, AdversarySettings
from training.distillation.clips import NoisyClips
from training.distillation.continuous import ContinuousConsistency, ContinuousSettings
from training.distillation.student import Distillation, Outcome, Student
from training.objectives.flow_matching import direction_target
from training.recipes.settings.noise import NoiseMixture

WARMUP = 8
FLOOR = 0.1
CELLS = 3 * 2 * 2  # of a frame


class _Formula(NFDTransformer):
    """F(x, t) = level + a x + b t, cell by cell."""

    def __init__(self, level: float, a: float = 0.0, b: float = 0.0) -> None:
        super().__init__(CONFIG)
        self.level = nn.Parameter(torch.full((1, 4, 3, 2, 2), level))
        self._a, self._b = a, b

    def forward(self, x_BFChw: Tensor, t_BF: Tensor, *others: object) -> Tensor:
        return self.level + self._a * x_BFChw + self._b * t_BF[:, :, None, None, None]


def _clips(t_BF: Tensor) -> NoisyClips:
    """One clip of flat frames, of which the last three move."""
    clean, noise = (torch.full((1, 4, 3, 2, 2), value) for value in (0.7, -1.1))
    return NoisyClips(
        clean_BFChw=clean, noise_BFChw=noise, t_BF=t_BF, moves_BF=torch.arange(4)[None] > 0,
        actions_BFA=torch.zeros(1, 4, 2),
    )  # fmt: skip


def _scm(student: Student) -> ContinuousConsistency:
    """The teacher says 0.4 everywhere."""
    settings = ContinuousSettings(warmup_steps=WARMUP, size_floor=FLOOR)
    return ContinuousConsistency(student, _Formula(0.4).requires_grad_(False), settings)


@pytest.mark.parametrize("step", [0, WARMUP // 2, WARMUP, 5 * WARMUP])
def test_descent_moves_f_along_the_tangent_which_grows_with_the_warm_up(step: int) -> None:
    level, a, b, velocity = -0.2, 0.5, 2.0, 0.4
    times = (0.1, 0.3, 0.9, 1.4)
    network = _Formula(level, a, b)
    outcome = _scm(Student(network))(_clips(torch.tensor([times])), step)
    outcome.losses["loss"].backward()  # type: ignore[no-untyped-call]
    assert network.level.grad is not None
    moved = -network.level.grad[0, :, 0, 0, 0]
    r = min(1.0, step / WARMUP)
    assert moved[0] == 0  # the context is no lesson
    for t, found in zip(times[1:], moved[1:].tolist(), strict=True):
        cos, sin = math.cos(t), math.sin(t)
        x = cos * 0.7 - sin * 1.1
        direction, jvp = level + a * x + b * t, cos * sin * (a * velocity + b)
        tangent = -cos * cos * (direction - velocity) - r * (cos * sin * x + jvp)
        length = tangent / (abs(tangent) + FLOOR)
        # d/dF of mean (F - F' - g)^2 over the cells, mean over three frames, weight e^0
        assert found == pytest.approx(2 * length / CELLS / 3, rel=1e-4)


def _weighted(log_weight: float) -> tuple[Outcome, Tensor]:
    """The losses of one frame under this w, and the gradient of w."""
    student = Student(_Formula(-0.2))
    head = student.weight.layers[-1]
    assert isinstance(head, nn.Linear)
    head.bias.data.fill_(log_weight)
    outcome = _scm(student)(_clips(torch.full((1, 4), 0.9)), WARMUP)
    outcome.losses["loss"].backward()  # type: ignore[no-untyped-call]
    assert head.bias.grad is not None
    return outcome, head.bias.grad


@pytest.mark.parametrize("log_weight", [-1.5, 0.0, 2.0])
def test_the_loss_is_the_weighted_error_and_the_price_of_the_weight(log_weight: float) -> None:
    losses = _weighted(log_weight)[0].losses
    weighted = math.exp(log_weight) * losses["tangent"].item() - log_weight
    assert losses["loss"].item() == pytest.approx(weighted, rel=1e-5)


def test_the_weight_rests_where_it_makes_every_error_one() -> None:
    error = _weighted(0.0)[0].losses["tangent"].item()
    assert error != pytest.approx(1.0, abs=0.1)
    assert _weighted(-math.log(error))[1].item() == pytest.approx(0.0, abs=1e-5)


class _FreeFrames:
    """A method that knows nothing: its loss is 3, and its frames are what they are."""

    def __init__(self) -> None:
        self.direction = torch.randn(4, 4, 3, 2, 2, requires_grad=True)

    def __call__(self, clips: NoisyClips, step: int) -> Outcome:
        return Outcome(
            losses={"loss": torch.tensor(3.0)}, clips=clips, direction_BFChw=self.direction
        )


def test_the_loss_is_that_of_the_method_and_of_the_game() -> None:
    teacher = transformer(spread=0.2).requires_grad_(False)
    student, method = Student(transformer()), _FreeFrames()
    adversary = Adversary(student.critic, teacher, AdversarySettings(strength=0.5))
    objective = Distillation(method, clips(), NoiseMixture(pure_share=0.0), adversary)
    losses = objective(torch.Generator().manual_seed(0), 0)
    game = 0.5 * losses["fooling"] + losses["critic"]
    assert losses["loss"].item() == pytest.approx(3.0 + game.item())
    assert abs(game.item()) > 0.1
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    assert method.direction.grad is not None and method.direction.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in student.critic.parameters())


def test_the_game_judges_the_frames_that_the_student_jumps_to() -> None:
    batch = _clips(torch.tensor([[0.1, 0.3, 0.9, 1.4]]))
    true_direction = direction_target(batch.clean_BFChw, batch.noise_BFChw, batch.t_BF)
    outcome = Outcome(losses={}, clips=batch, direction_BFChw=true_direction)
    torch.testing.assert_close(outcome.estimate(), batch.clean_BFChw)
