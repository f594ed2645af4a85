"""The teacher's stage: a diffusion transformer on clips of latents."""

import torch

from model.nfd.transformer import NFDTransformer
from training.data.latents import PressFocus
from training.device import pick_device
from training.loop.activation_checkpointing import checkpoint_blocks, compile_blocks
from training.loop.optimizers import nfd_optimizers
from training.loop.trainer import Budget, Trainer
from training.loop.workers import Workers
from training.objectives.as_served import AsServed
from training.objectives.flow_matching import FlowMatching
from training.objectives.history import History
from training.objectives.objective import Objective
from training.pipeline.stages.clips import clip_source
from training.pipeline.stages.place_map import trained_map
from training.pipeline.stages.recordings import manifest
from training.recipes.numbers import numbers_of
from training.recipes.recipe import AsServedRecipe, Recipe
from training.run import Run


def train_teacher(recipe: Recipe, run: Run, budget: Budget, workers: Workers | None = None) -> None:
    """With `workers`, this process is one of several workers."""
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
        recipe,
        run,
        settings.batch_size,
        "train",
        num_lead=history.num_lead,
        num_frames=settings.clip_frames,
    )
    return FlowMatching(
        transformer, clips, settings.mixture, history, action_dropout=settings.action_dropout
    )


def _as_served(
    recipe: Recipe, run: Run, transformer: NFDTransformer, settings: AsServedRecipe
) -> AsServed:
    teacher, space = recipe.teacher, recipe.action_space
    odds = dict(settings.press_odds)
    focus = PressFocus(
        share=settings.press_share,
        first_frame=settings.num_past,
        odds=tuple(odds.get(button, 1.0) for button in space.model_buttons),
        tells_presses=space.tells_presses,
    )
    clips = clip_source(
        recipe,
        run,
        teacher.batch_size,
        "train",
        num_frames=teacher.clip_frames,
        focus=focus if settings.press_share else None,
    )
    return AsServed(
        transformer, clips, teacher.mixture, settings, space, action_dropout=teacher.action_dropout
    )


def begin_teacher(recipe: Recipe, run: Run, released: NFDTransformer) -> None:
    """Begins the stage with the weights of a released transformer. Raises TrainingError when the
    stage has begun."""
    _teacher_trainer(recipe, run)[1].begin_with(released.state_dict())


def trained_teacher(recipe: Recipe, run: Run) -> NFDTransformer:
    run.require("teacher")
    teacher = _teacher_trainer(recipe, run)[1].averaged
    assert isinstance(teacher, NFDTransformer)
    return teacher.eval().requires_grad_(False)


def _teacher_trainer(
    recipe: Recipe, run: Run, workers: Workers | None = None
) -> tuple[NFDTransformer, Trainer]:
    torch.manual_seed(0)
    transformer = NFDTransformer(recipe.preset.nfd).to(pick_device())
    if recipe.preset.nfd.place is not None:
        transformer.place.load_state_dict(trained_map(recipe, run).state_dict())
        transformer.place.requires_grad_(False)
    settings = recipe.teacher
    optimizers = nfd_optimizers(transformer, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr)
    return transformer, Trainer(
        run.folder,
        "teacher",
        transformer,
        optimizers,
        ema_decay=settings.ema_decay,
        micro_batches=settings.micro_batches,
        workers=workers,
        settings=numbers_of(settings),
    )


def _validation(recipe: Recipe, run: Run, trainer: Trainer) -> Objective | None:
    """The teacher's loss on validation clips; None for a run without validation recordings, such as
    a small folder."""
    if not any(manifest(recipe, run).of("validation")):
        return None
    averaged = trainer.averaged
    assert isinstance(averaged, NFDTransformer)
    clips = clip_source(recipe, run, recipe.teacher.batch_size, "validation")
    return FlowMatching(averaged, clips, recipe.teacher.mixture)
