"""The stages of a run around its tokenizer: record, encode, teacher, student. Each goes on from
what the run folder holds, ends within its budget, and leaves its state there."""

import copy
from dataclasses import replace

import torch

from model.nfd.transformer import NFDTransformer
from training.data.encoding import LatentCache
from training.data.filming import record_all
from training.data.inventory.manifest import Manifest, take_stock
from training.data.latents import ClipSource, PressFocus
from training.data.recording import TooLittlePlay
from training.data.source import FilmFolder, RecordingSource, Split
from training.data.vpt.films import keep_films
from training.data.vpt.folder import VptFolder
from training.device import pick_device
from training.distillation.objective import distillation, own_play
from training.distillation.own_play import OwnPlay
from training.distillation.student import Student
from training.loop.optimizers import nfd_optimizers, student_optimizers
from training.loop.state import read_state
from training.loop.thrift import checkpoint_blocks, compile_blocks
from training.loop.trainer import Budget, Trainer
from training.loop.workers import Workers
from training.objectives.as_served import AsServed
from training.objectives.flow_matching import FlowMatching
from training.objectives.history import History
from training.objectives.objective import Objective
from training.place.stages import trained_map
from training.recipes.numbers import numbers_of
from training.recipes.recipe import AsServedRecipe, Recipe
from training.run import Run
from training.tokenizer.stages import encoding_tokenizer


def record(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    record_held_out(recipe, run, processes=processes)
    if isinstance(recipe.recorder, VptFolder):
        keep_films(
            recipe.recorder, "train", run.train_recordings, num_frames=plan.train_frames
        )  # fmt: skip
    else:
        record_all(
            recipe.recorder, run.validation_recordings, num_frames=plan.validation_frames,
            takes=plan.validation_takes, seed=plan.validation_seed, processes=processes,
        )  # fmt: skip
        record_all(
            recipe.recorder, run.train_recordings, num_frames=plan.train_frames,
            takes=plan.train_takes, seed=plan.train_seed, processes=processes,
            then=recipe.second_recorder,
        )  # fmt: skip
        if recipe.tokenizer_recorder is not None:
            record_all(
                recipe.tokenizer_recorder, run.tokenizer_recordings,
                num_frames=plan.tokenizer_frames, takes=1, seed=plan.train_seed,
                processes=processes,
            )  # fmt: skip
    for reason, count in manifest(recipe, run).skipped.items():
        print(f"skipped {count} recordings: {reason}")


def record_held_out(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    if isinstance(recipe.recorder, VptFolder):
        keep_films(
            recipe.recorder, "held_out", run.held_out_recordings, num_frames=plan.held_out_frames
        )
        return
    record_all(
        recipe.recorder, run.held_out_recordings, num_frames=plan.held_out_frames,
        takes=plan.held_out_takes, seed=plan.held_out_seed, processes=processes,
    )  # fmt: skip


def source(recipe: Recipe, run: Run) -> RecordingSource:
    """What the world learns from: given recordings where they lie, our own films in the run."""
    if isinstance(recipe.recorder, VptFolder):
        return recipe.recorder
    return FilmFolder(run.recordings, recipe.action_space.entries)


def manifest(recipe: Recipe, run: Run) -> Manifest:
    """Of the recordings there are now."""
    return take_stock(source(recipe, run), run.manifest)


def encode(recipe: Recipe, run: Run) -> None:
    """Latents of all that the teacher learns from and is checked on, where they are missing."""
    cache = LatentCache(run.latents, encoding_tokenizer(recipe, run))
    stock = manifest(recipe, run)
    cache.films(source(recipe, run), [*stock.of("train"), *stock.of("validation")])


def train_teacher(recipe: Recipe, run: Run, budget: Budget, workers: Workers | None = None) -> None:
    """One of `workers` that train it together, where they are given."""
    settings = recipe.teacher
    transformer, trainer = _teacher_trainer(recipe, run, workers)
    if settings.compiled:
        compile_blocks(transformer)
    if settings.checkpointing:
        checkpoint_blocks(transformer)
    objective = teacher_objective(recipe, run, transformer)
    trainer.train(objective, budget, _validation(recipe, run, trainer))


def teacher_objective(recipe: Recipe, run: Run, transformer: NFDTransformer) -> Objective:
    settings = recipe.teacher
    if settings.as_served is not None:
        return _as_served(recipe, run, transformer, settings.as_served)
    history = History(transformer, settings.mixture, settings.history, recipe.teacher_sampler)
    clips = clip_source(
        recipe, run, settings.batch_size, "train", num_lead=history.num_lead,
        num_frames=settings.clip_frames,
    )  # fmt: skip
    return FlowMatching(
        transformer, clips, settings.mixture, history, untold_share=settings.untold_share
    )


def _as_served(
    recipe: Recipe,
    run: Run,
    transformer: NFDTransformer,
    settings: AsServedRecipe,
    split: Split = "train",
) -> AsServed:
    teacher, space = recipe.teacher, recipe.action_space
    focus = PressFocus(
        share=settings.press_share, first_frame=settings.num_past,
        num_buttons=len(space.model_buttons), tells_presses=space.tells_presses,
    )  # fmt: skip
    clips = clip_source(
        recipe, run, teacher.batch_size, split, num_frames=teacher.clip_frames,
        focus=focus if settings.press_share else None,
    )  # fmt: skip
    return AsServed(
        transformer, clips, teacher.mixture, settings, space, untold_share=teacher.untold_share
    )


def trained_teacher(recipe: Recipe, run: Run) -> NFDTransformer:
    run.require("teacher")
    teacher = _teacher_trainer(recipe, run)[1].averaged
    assert isinstance(teacher, NFDTransformer)
    return teacher.eval().requires_grad_(False)


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


def _teacher_trainer(
    recipe: Recipe, run: Run, workers: Workers | None = None
) -> tuple[NFDTransformer, Trainer]:
    torch.manual_seed(0)
    transformer = NFDTransformer(recipe.preset.nfd).to(pick_device())
    if recipe.preset.nfd.place is not None:
        transformer.place.load_state_dict(trained_map(recipe, run).state_dict())
        transformer.place.requires_grad_(False)
    settings = recipe.teacher
    optimizers = nfd_optimizers(
        transformer, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr
    )  # fmt: skip
    return transformer, Trainer(
        run.folder, "teacher", transformer, optimizers, ema_decay=settings.ema_decay,
        micro_batches=settings.micro_batches, workers=workers, settings=numbers_of(settings),
    )  # fmt: skip


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


def _validation(recipe: Recipe, run: Run, trainer: Trainer) -> Objective | None:
    """The teacher's loss on clips that it never learns from; None where no recording is one of
    those, as in a small folder."""
    if not any(manifest(recipe, run).of("validation")):
        return None
    averaged = trainer.averaged
    assert isinstance(averaged, NFDTransformer)
    if recipe.teacher.as_served is not None:
        true_past = replace(recipe.teacher.as_served, own_every=0, press_share=0.0)
        return _as_served(recipe, run, averaged, true_past, "validation")
    clips = clip_source(recipe, run, recipe.teacher.batch_size, "validation")
    return FlowMatching(averaged, clips, recipe.teacher.mixture)


def clip_source(
    recipe: Recipe,
    run: Run,
    batch_size: int,
    split: Split,
    *,
    num_lead: int = 0,
    num_frames: int | None = None,
    focus: PressFocus | None = None,
) -> ClipSource:
    """Clips of latents, a window or `num_frames` long and `num_lead` frames before it. Latents are
    made once per tokenizer and recording."""
    cache = LatentCache(run.latents, encoding_tokenizer(recipe, run))
    films = cache.films(source(recipe, run), list(manifest(recipe, run).of(split)))
    nfd = recipe.preset.nfd
    num_frames = num_lead + (num_frames or nfd.window)
    state_size = nfd.place.state_size if nfd.place else 0
    return ClipSource(
        films, num_frames, batch_size, pick_device(), state_size=state_size, focus=focus
    )


def has_ended(run: Run, stage: str) -> bool:
    """The stage is trained, and its last call was not cut short."""
    path = run.state(stage)
    return path.exists() and "call" not in read_state(path)


def spent_on(run: Run, stage: str) -> tuple[int, float]:
    """Steps and seconds a stage has taken so far."""
    state = read_state(run.state(stage))
    return state["step"], state["seconds"]
