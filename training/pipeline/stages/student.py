"""The student's stage: distillation of the trained teacher."""

import copy

from model.nfd.transformer import NFDTransformer
from training.data.recording import TooLittlePlay
from training.device import pick_device
from training.distillation.objective import distillation, on_policy_loss
from training.distillation.on_policy import OnPolicyLoss
from training.distillation.student import Student
from training.loop.activation_checkpointing import checkpoint_blocks
from training.loop.optimizers import student_optimizers
from training.loop.trainer import Budget, Trainer
from training.pipeline.stages.clips import clip_source
from training.pipeline.stages.teacher import trained_teacher
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.run import Run


def train_student(recipe: Recipe, run: Run, budget: Budget) -> None:
    settings = recipe.student
    teacher = trained_teacher(recipe, run)
    student, trainer = _student_trainer(recipe, run, teacher)
    if settings.checkpointing:
        for transformer in (
            student.transformer,
            teacher,
        ):  # the critic reads the teacher's hidden states
            checkpoint_blocks(transformer)
    clips = clip_source(recipe, run, settings.batch_size, "train")
    on_policy = _on_policy(recipe, run, student, teacher) if settings.on_policy.strength else None
    trainer.train(distillation(student, teacher, clips, settings, on_policy), budget)


def _on_policy(recipe: Recipe, run: Run, student: Student, teacher: NFDTransformer) -> OnPolicyLoss:
    """The rollouts start from the recordings that the clips are of. Raises TooLittlePlay for
    recordings shorter than a rollout, ValueError for a batch that is too large."""
    settings = recipe.student
    settings.on_policy.check_batch(settings.batch_size)
    try:
        source = clip_source(
            recipe, run, settings.batch_size, "train", num_lead=settings.on_policy.num_frames
        )
    except TooLittlePlay as error:
        raise TooLittlePlay(
            f"{error}; lower student.own_play.depth for recordings as short as these"
        ) from error
    return on_policy_loss(student, teacher, source, recipe.student_sampler, settings.on_policy)


def trained_student(recipe: Recipe, run: Run) -> NFDTransformer:
    run.require("student")
    averaged = _student_trainer(recipe, run, trained_teacher(recipe, run))[1].averaged
    assert isinstance(averaged, Student)
    return averaged.transformer.eval().requires_grad_(False)


def _student_trainer(recipe: Recipe, run: Run, teacher: NFDTransformer) -> tuple[Student, Trainer]:
    settings = recipe.student
    network = copy.deepcopy(teacher).train().requires_grad_(True)
    if network.config.place is not None:
        network.place.requires_grad_(False)
    student = Student(network, settings.on_policy).to(pick_device())
    optimizers = student_optimizers(
        student,
        muon_lr=settings.muon_lr,
        adamw_lr=settings.adamw_lr,
        critic_lr=settings.critic_lr,
    )
    return student, Trainer(
        run.folder,
        "student",
        student,
        optimizers,
        ema_decay=settings.ema_decay,
        micro_batches=settings.micro_batches,
        settings=numbers_of(settings),
    )
