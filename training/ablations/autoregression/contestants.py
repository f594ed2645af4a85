"""Trains both methods from scratch at equal compute on the recordings of one run: Next-Frame
Diffusion on the latents of the run's tokenizer, and the token-autoregressive baseline on codes,
once for each decode order. Both train on recorded context only. Measures nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from model.ar.decoding.order import DecodeOrder
from model.ar.matched import matched_world
from model.ar.transformer import ARTransformer
from model.ar.world import ARWorld
from model.nfd.transformer import NFDTransformer
from model.tokenizer.fsq import FSQ
from model.tokenizer.vae import VAE
from training.ablations.autoregression.material import coded_recordings, folder_of
from training.ablations.autoregression.next_token import NextToken
from training.ablations.equal_compute import Contestant, train_alike
from training.data.latents import ClipSource
from training.data.recording import load_recordings
from training.device import pick_device
from training.loop.optimizers import nfd_optimizers, vae_optimizers
from training.loop.trainer import Trainer
from training.objectives.flow_matching import FlowMatching
from training.pipeline.stages.clips import clip_source
from training.pipeline.stages.tokenizer import encoding_tokenizer, picture_loss
from training.recipes.recipe import Recipe
from training.run import Run
from training.tokenizer.discrete import DiscreteReconstruction
from training.tokenizer.frames import FrameSource

_EMA_DECAY = 0.99  # the average must not still be where it began when so short a training ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestants:
    """`baselines`: by decode order. `steps`: training steps of each contestant; the key of NFD is
    "nfd"."""

    vae: VAE
    nfd: NFDTransformer
    baselines: Mapping[str, ARWorld]
    steps: Mapping[str, int]


def train_contestants(
    recipe: Recipe, run: Run, fsq: FSQ, orders: Mapping[str, DecodeOrder], *, cpu_seconds: float
) -> Contestants:
    """`cpu_seconds` for NFD, and as many for each order."""
    learners = {"nfd": _nfd(recipe, run)} | _baselines(recipe, run, fsq, orders)
    steps = train_alike(learners, folder_of(run), cpu_seconds=cpu_seconds)
    nfd = _trained(learners["nfd"])
    assert isinstance(nfd, NFDTransformer)
    return Contestants(
        vae=encoding_tokenizer(recipe, run).cpu(),
        nfd=nfd,
        baselines={name: _world(recipe, fsq.cpu(), _trained(learners[name])) for name in orders},
        steps=steps,
    )


def train_codes(recipe: Recipe, run: Run, *, cpu_seconds: float) -> FSQ:
    """The discrete tokenizer: continues from the convolutions of the run's VAE under the same loss.
    Only the layers beside the latents start untrained."""
    torch.manual_seed(0)
    fsq = _untrained(recipe).tokenizer
    _inherit(fsq, encoding_tokenizer(recipe, run))
    fsq.to(pick_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = recipe.tokenizer
    videos = [recording.frames for recording in load_recordings(run.train_recordings)]
    frames = FrameSource(videos, settings.batch_size, pick_device())
    optimizers = vae_optimizers(fsq, lr=settings.lr)
    learner = Contestant(
        trainer=Trainer(folder_of(run), "fsq", fsq, optimizers, ema_decay=_EMA_DECAY),
        objective=DiscreteReconstruction(fsq, frames, picture_loss(run, settings.picture)),
    )
    train_alike({"fsq": learner}, folder_of(run), cpu_seconds=cpu_seconds)
    trained = _trained(learner)
    assert isinstance(trained, FSQ)
    return trained


def _inherit(fsq: FSQ, vae: VAE) -> None:
    theirs = vae.state_dict()
    for name, weight in fsq.state_dict().items():
        if name in theirs and theirs[name].shape == weight.shape:
            weight.copy_(theirs[name])


def _nfd(recipe: Recipe, run: Run) -> Contestant:
    torch.manual_seed(0)
    transformer = NFDTransformer(recipe.preset.nfd).to(pick_device())
    clips = clip_source(recipe, run, recipe.teacher.batch_size, "train")
    return Contestant(
        trainer=_trainer(recipe, run, "nfd", transformer),
        objective=FlowMatching(transformer, clips, recipe.teacher.mixture),
    )


def _baselines(
    recipe: Recipe, run: Run, fsq: FSQ, orders: Mapping[str, DecodeOrder]
) -> dict[str, Contestant]:
    videos = coded_recordings(recipe, run, fsq.to(pick_device()))
    window, batch_size = recipe.preset.nfd.window, recipe.teacher.batch_size
    clips = ClipSource(videos, window, batch_size, pick_device())
    learners = {}
    for name, order in orders.items():
        torch.manual_seed(0)
        world = _untrained(recipe)
        transformer = world.transformer.to(pick_device())
        learners[name] = Contestant(
            trainer=_trainer(recipe, run, name, transformer),
            objective=NextToken(transformer, fsq, world.vocabulary, order, clips),
        )
    return learners


def _untrained(recipe: Recipe) -> ARWorld:
    return matched_world(recipe.action_space, recipe.preset.vae, recipe.preset.nfd)


def _trainer(recipe: Recipe, run: Run, name: str, module: nn.Module) -> Trainer:
    settings = recipe.teacher
    optimizers = nfd_optimizers(module, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr)
    return Trainer(folder_of(run), name, module, optimizers, ema_decay=_EMA_DECAY)


def _trained(learner: Contestant) -> nn.Module:
    return learner.trainer.averaged.eval().requires_grad_(False).cpu()


def _world(recipe: Recipe, fsq: FSQ, transformer: nn.Module) -> ARWorld:
    assert isinstance(transformer, ARTransformer)
    vocabulary = _untrained(recipe).vocabulary
    return ARWorld(
        action_space=recipe.action_space,
        vocabulary=vocabulary,
        tokenizer=fsq,
        transformer=transformer,
    )
