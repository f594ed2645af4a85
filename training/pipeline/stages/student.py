"""The student's stage: distillation of the trained teacher."""

import copy

from model.nfd.transformer import NFDTransformer
from training.data.recording import TooLittlePlay
from training.device import pick_device
from training.distillation.objective import distillation, own_play
from training.distillation.own_play import OwnPlay
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
        for transformer in (student.transformer, teacher):  # the critic looks through the teacher
            checkpoint_blocks(transformer)
    clips = clip_source(recipe, run, settings.batch_size, "train")
    play = _own_play(recipe, run, student, teacher) if settings.own_play.strength else None
    trainer.train(distillation(student, teacher, clips, settings, play), budget)


def _own_play(recipe: Recipe, run: Run, student: Student, teacher: NFDTransformer) -> OwnPlay:
    """Dreams begin in the same play that clips are of, where it goes on for long enough."""
    settings = recipe.student
    try:
        films = clip_source(
            recipe, run, settings.batch_size, "train", num_lead=settings.own_play.num_frames
        )
    except TooLittlePlay as error:
        raise TooLittlePlay(f"{error}; a smaller student.own_play.depth wants less") from error
    return own_play(student, teacher, films, recipe.student_sampler, settings.own_play)


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
    student = Student(network, settings.own_play).to(pick_device())
    optimizers = student_optimizers(
        student, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr,
        critic_lr=settings.critic_lr,
    )  # fmt: skip
    return student, Trainer(
        run.folder, "student", student, optimizers, ema_decay=settings.ema_decay,
        micro_batches=settings.micro_batches, settings=numbers_of(settings),
    )  # fmt: skip
