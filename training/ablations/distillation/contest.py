"""`python -m training distillations`: all distillation methods from one teacher with equal clips
and equal compute, in one table. Measured through the serving engine.

Compute is seconds of this machine: the cost of a step is measured first, for all methods in turn;
on a CPU as processor time of this process, without the share of other processes.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from model.nfd.transformer import NFDTransformer
from model.world import World
from training.ablations.equal_compute import costs_s
from training.data.latents import ClipSource
from training.device import pick_device
from training.distillation.objective import distillation
from training.distillation.student import Student
from training.evaluate.clips.evaluation_clips import NUM_FRAMES, EvaluationClip
from training.evaluate.material import gather
from training.evaluate.measures.scores import Comparison, Scores, Video
from training.evaluate.rollouts.generate import RolloutRequest, generate
from training.evaluate.statistics.confidence import Estimate
from training.loop.optimizers import student_optimizers
from training.loop.trainer import Budget, Trainer
from training.objectives.objective import Objective
from training.pipeline.release import build_world
from training.pipeline.stages.clips import clip_source
from training.pipeline.stages.teacher import trained_teacher
from training.recipes.recipe import Recipe
from training.run import Run

TEACHER = "teacher"
PLAIN, SCM, SCM_ADVERSARIAL = "plain consistency", "sCM", "sCM + adversarial"
_STRENGTH = 0.5  # of the adversary
_STEPS = (4, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Differences to sCM on the same clips; higher dB and a smaller distance are better."""

    psnr_16: Estimate
    frechet_own: Estimate

    @classmethod
    def of(cls, ours: Scores, theirs: Scores) -> "Margin":
        return cls(
            psnr_16=ours.psnr_16.less(theirs.psnr_16),
            frechet_own=ours.frechet_own.less(theirs.frechet_own),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationRow:
    """One contestant at one number of denoise steps. `trained`: optimisation steps. `margin`:
    against sCM at as many denoise steps."""

    name: str
    trained: int
    num_steps: int
    scores: Scores
    margin: Margin | None


def contest(recipe: Recipe, run: Run, seconds: float) -> list[DistillationRow]:
    """Trains each contestant for `seconds`, by the measured cost of its steps. A trained contestant
    is only measured again."""
    teacher = build_world(recipe, run, "teacher")
    few_steps = replace(teacher.spec, sampler=recipe.student_sampler)
    material = gather(recipe, run, recipe.evaluation)
    trained = {TEACHER: 0}
    videos = {TEACHER: _rollouts_by_steps(teacher, material.clips, TEACHER)}
    for name, (student, num_steps) in _students(recipe, run, seconds).items():
        trained[name] = num_steps
        world = replace(teacher, spec=few_steps, transformer=student)
        videos[name] = _rollouts_by_steps(world, material.clips, name)
    comparison = Comparison(material.networks, material.clips)
    scores = {name: {n: comparison.score(made[n]) for n in _STEPS} for name, made in videos.items()}
    return [
        DistillationRow(
            name=name,
            trained=trained[name],
            num_steps=n,
            scores=ours,
            margin=Margin.of(ours, scores[SCM][n]) if name != SCM else None,
        )
        for name, by_steps in scores.items()
        for n, ours in by_steps.items()
    ]


def _students(recipe: Recipe, run: Run, seconds: float) -> dict[str, tuple[NFDTransformer, int]]:
    """Every contestant's averaged network, and the steps it has taken."""
    teacher = trained_teacher(recipe, run)
    clips = clip_source(recipe, run, recipe.student.batch_size, "train")
    names = (PLAIN, SCM, SCM_ADVERSARIAL)
    players = {name: _player(name, recipe, teacher, clips) for name in names}
    seconds_a_step = costs_s([objective for _, objective in players.values()])
    return {
        name: _train(recipe, run, name, student, objective, max(1, round(seconds / cost_s)))
        for cost_s, (name, (student, objective)) in zip(
            seconds_a_step, players.items(), strict=True
        )
    }


def _player(
    name: str, recipe: Recipe, teacher: NFDTransformer, clips: ClipSource
) -> tuple[Student, Objective]:
    torch.manual_seed(0)
    student = Student(copy.deepcopy(teacher).train().requires_grad_(True)).to(pick_device())
    settings = replace(
        recipe.student,
        method="discrete" if name == PLAIN else "continuous",
        adversarial=_STRENGTH if name == SCM_ADVERSARIAL else 0.0,
    )
    return student, distillation(student, teacher, clips, settings)


def _train(
    recipe: Recipe, run: Run, name: str, student: Student, objective: Objective, num_steps: int
) -> tuple[NFDTransformer, int]:
    """The averaged student, and the steps it has taken."""
    settings = recipe.student
    student.zero_grad(set_to_none=True)
    optimizers = student_optimizers(
        student, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr, critic_lr=settings.critic_lr
    )
    folder = run.folder / "distillations"
    trainer = Trainer(folder, name, student, optimizers, ema_decay=settings.ema_decay)
    if trainer.step == 0 or trainer.is_interrupted:
        trainer.train(objective, Budget(steps=max(1, num_steps - trainer.step)))
    averaged = trainer.averaged
    assert isinstance(averaged, Student)
    return averaged.transformer.cpu().eval().requires_grad_(False), trainer.step


def _rollouts_by_steps(
    world: World, clips: Sequence[EvaluationClip], name: str
) -> dict[int, list[Video]]:
    """By number of denoise steps."""
    requests = [
        RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:NUM_FRAMES])
        for clip in clips
    ]
    return {
        n: [
            generated.frames
            for generated in generate(world, requests, num_steps=n, title=f"{name}, {n}")
        ]
        for n in _STEPS
    }
