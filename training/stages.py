"""The stages of a run in order: record, tokenizer, teacher, student. Each goes on from what the run
folder holds, ends within its budget, and leaves its state there."""

import copy

import numpy as np
import torch

from model.nfd.transformer import NFDTransformer
from model.tokenizer.vae import VAE, pixels_from_uint8
from training.data.filming import record_all
from training.data.latents import ClipSource, LatentFilm, encode_recordings
from training.data.recording import load_recordings
from training.device import pick_device
from training.objectives.consistency import Consistency, ConsistencySettings, Student
from training.objectives.flow_matching import FlowMatching
from training.objectives.reconstruction import Reconstruction
from training.optimizers import nfd_optimizers, vae_optimizers
from training.recipes.recipe import Recipe
from training.run import Run
from training.trainer import Budget, Trainer, TrainingError

_STATISTICS_FRAMES = 4096


def record(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    record_held_out(recipe, run, processes=processes)
    record_all(
        recipe.recorder, run.train_recordings, num_frames=plan.train_frames,
        takes=plan.train_takes, seed=plan.train_seed, processes=processes,
    )  # fmt: skip


def record_held_out(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    record_all(
        recipe.recorder, run.held_out_recordings, num_frames=plan.held_out_frames,
        takes=plan.held_out_takes, seed=plan.held_out_seed, processes=processes,
    )  # fmt: skip


def train_tokenizer(recipe: Recipe, run: Run, budget: Budget) -> None:
    device = pick_device()
    frames = np.concatenate([r.frames for r in load_recordings(run.train_recordings)])
    frames_NHWC = torch.from_numpy(frames).to(device)
    vae, trainer = _tokenizer_trainer(recipe, run)
    settings = recipe.tokenizer
    objective = Reconstruction(vae, frames_NHWC, settings.batch_size, settings.weights)
    trainer.train(objective, budget)


def trained_tokenizer(recipe: Recipe, run: Run) -> VAE:
    """The averaged tokenizer, with the latent statistics of the training frames in place."""
    _require(run, "tokenizer")
    vae = _tokenizer_trainer(recipe, run)[1].averaged
    assert isinstance(vae, VAE)
    vae.eval().requires_grad_(False)
    _measure_latents(vae, run)
    return vae


def encode(recipe: Recipe, run: Run) -> LatentFilm:
    """Latents of the training recordings; made once per tokenizer and kept in the run folder."""
    if run.latents.exists():
        return LatentFilm.load(run.latents)
    recordings = load_recordings(run.train_recordings)
    film = encode_recordings(trained_tokenizer(recipe, run), recordings, pick_device())
    film.save(run.latents)
    return film


def train_teacher(recipe: Recipe, run: Run, budget: Budget) -> None:
    settings = recipe.teacher
    transformer, trainer = _teacher_trainer(recipe, run)
    clips = _clips(recipe, run, settings.batch_size)
    trainer.train(FlowMatching(transformer, clips, settings.mixture), budget)


def trained_teacher(recipe: Recipe, run: Run) -> NFDTransformer:
    _require(run, "teacher")
    teacher = _teacher_trainer(recipe, run)[1].averaged
    assert isinstance(teacher, NFDTransformer)
    return teacher.eval().requires_grad_(False)


def train_student(recipe: Recipe, run: Run, budget: Budget) -> None:
    settings = recipe.student
    teacher = trained_teacher(recipe, run)
    student, trainer = _student_trainer(recipe, run, teacher)
    clips = _clips(recipe, run, settings.batch_size)
    warmup = ConsistencySettings(warmup_steps=recipe.student_warmup_steps)
    trainer.train(Consistency(student, teacher, clips, settings.mixture, warmup), budget)


def trained_student(recipe: Recipe, run: Run) -> NFDTransformer:
    _require(run, "student")
    averaged = _student_trainer(recipe, run, trained_teacher(recipe, run))[1].averaged
    assert isinstance(averaged, Student)
    return averaged.transformer.eval().requires_grad_(False)


def _tokenizer_trainer(recipe: Recipe, run: Run) -> tuple[VAE, Trainer]:
    torch.manual_seed(0)
    vae = VAE(recipe.preset.vae).to(pick_device())
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = vae_optimizers(vae, lr=recipe.tokenizer.lr)
    ema_decay = recipe.tokenizer.ema_decay
    return vae, Trainer(run.folder, "tokenizer", vae, optimizers, ema_decay=ema_decay)


def _teacher_trainer(recipe: Recipe, run: Run) -> tuple[NFDTransformer, Trainer]:
    torch.manual_seed(0)
    transformer = NFDTransformer(recipe.preset.nfd).to(pick_device())
    settings = recipe.teacher
    optimizers = nfd_optimizers(
        transformer, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr
    )  # fmt: skip
    return transformer, Trainer(
        run.folder, "teacher", transformer, optimizers, ema_decay=settings.ema_decay
    )


def _student_trainer(recipe: Recipe, run: Run, teacher: NFDTransformer) -> tuple[Student, Trainer]:
    student = Student(copy.deepcopy(teacher).train().requires_grad_(True)).to(pick_device())
    settings = recipe.student
    optimizers = nfd_optimizers(student, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr)
    return student, Trainer(
        run.folder, "student", student, optimizers, ema_decay=settings.ema_decay
    )


def _clips(recipe: Recipe, run: Run, batch_size: int) -> ClipSource:
    film = encode(recipe, run)
    return ClipSource(film, recipe.preset.nfd.window, batch_size, pick_device())


@torch.no_grad()
def _measure_latents(vae: VAE, run: Run) -> None:
    """Sets the mean and standard deviation by which `encode` normalises, per channel."""
    recordings = load_recordings(run.train_recordings)
    total = sum(len(recording.frames) for recording in recordings)
    stride = max(1, total // _STATISTICS_FRAMES)
    picked = np.concatenate([recording.frames[::stride] for recording in recordings])
    device = next(vae.parameters()).device
    means = [
        vae.posterior(pixels_from_uint8(torch.from_numpy(picked[i : i + 64]).to(device)))[0]
        for i in range(0, len(picked), 64)
    ]
    latents = torch.cat(means)
    vae.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
    vae.latent_std.copy_(latents.std(dim=(0, 2, 3)))


def _require(run: Run, stage: str) -> None:
    if not is_trained(run, stage):
        raise TrainingError(f"{run.folder} holds no {stage} yet; run that stage first")


def spent_on(run: Run, stage: str) -> tuple[int, float]:
    """Steps and seconds a stage has taken so far."""
    state = torch.load(run.folder / f"{stage}.pt", map_location="cpu", weights_only=True)
    return state["step"], state["seconds"]


def is_trained(run: Run, stage: str) -> bool:
    return (run.folder / f"{stage}.pt").exists()
