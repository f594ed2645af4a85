"""The two methods, trained at equal compute: Next-Frame Diffusion over a VAE's latents, and the
token-autoregressive baseline over codes, once for each decode order.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from model.ar.decoding.order import DecodeOrder
from model.ar.transformer import ARTransformer
from model.ar.world import ARWorld
from model.nfd.transformer import NFDTransformer
from model.tokenizer.fsq import FSQ
from model.tokenizer.vae import VAE
from training.ablations.autoregression.material import Sizes, encode, pixels
from training.ablations.equal_compute import Learner, train_alike
from training.data.latents import ClipSource
from training.data.recording import Recording
from training.loop.optimizers import nfd_optimizers, vae_optimizers
from training.loop.trainer import Trainer
from training.objectives.flow_matching import FlowMatching
from training.objectives.next_token import NextToken
from training.objectives.noise import NoiseMixture
from training.tokenizer.colours import RareColours
from training.tokenizer.discrete import DiscreteReconstruction
from training.tokenizer.frames import FrameSource
from training.tokenizer.picture_loss import PictureLoss, PictureWeights
from training.tokenizer.reconstruction import Reconstruction

BATCH = 16
MUON_LR, ADAMW_LR, TOKENIZER_LR = 4e-3, 3e-3, 3e-3
TOKENIZER_EMA, EMA = 0.98, 0.99
PICTURE, KL = PictureWeights(gradient=0.2, texture=0.1, square=8.0), 1e-4  # as the debug recipe
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizers:
    vae: VAE
    fsq: FSQ


def train_tokenizers(
    sizes: Sizes, films: list[Recording], folder: Path, *, cpu_seconds: float
) -> Tokenizers:
    """Both with the same networks, loss and time."""
    torch.manual_seed(0)
    vae, fsq = VAE(sizes.vae), FSQ(sizes.fsq)
    frames = FrameSource([film.frames for film in films], BATCH, CPU)
    loss = PictureLoss(PICTURE, RareColours.of(films[0].frames))
    learners = {
        "vae": Learner(
            trainer=_tokenizer_trainer(folder, "vae", vae),
            objective=Reconstruction(vae, frames, loss, kl=KL),
        ),
        "fsq": Learner(
            trainer=_tokenizer_trainer(folder, "fsq", fsq),
            objective=DiscreteReconstruction(fsq, frames, loss),
        ),
    }
    train_alike(learners, cpu_seconds=cpu_seconds)
    trained_vae, trained_fsq = (_trained(learner) for learner in learners.values())
    assert isinstance(trained_vae, VAE) and isinstance(trained_fsq, FSQ)
    _normalise(trained_vae, films[0])
    return Tokenizers(vae=trained_vae, fsq=trained_fsq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """`steps` each was trained for, by name."""

    nfd: NFDTransformer
    baselines: dict[str, ARWorld]
    steps: dict[str, int]


def train_models(
    sizes: Sizes, tokenizers: Tokenizers, films: list[Recording], orders: dict[str, DecodeOrder],
    folder: Path, *, cpu_seconds: float,
) -> Models:  # fmt: skip
    window = sizes.nfd.window
    clips = ClipSource([encode(tokenizers.vae, film) for film in films], window, BATCH, CPU)
    codes = ClipSource([encode(tokenizers.fsq, film) for film in films], window, BATCH, CPU)
    torch.manual_seed(0)
    nfd = NFDTransformer(sizes.nfd)
    learners = {
        "nfd": Learner(
            trainer=_trainer(folder, "nfd", nfd),
            objective=FlowMatching(nfd, clips, NoiseMixture()),
        )
    }
    for name, order in orders.items():
        torch.manual_seed(0)
        transformer = ARTransformer(sizes.ar)
        learners[name] = Learner(
            trainer=_trainer(folder, name.replace(" ", "-"), transformer),
            objective=NextToken(transformer, tokenizers.fsq, sizes.vocabulary, order, codes),
        )
    steps = train_alike(learners, cpu_seconds=cpu_seconds)
    trained_nfd = _trained(learners["nfd"])
    assert isinstance(trained_nfd, NFDTransformer)
    baselines = {
        name: _baseline(sizes, tokenizers.fsq, _trained(learners[name])) for name in orders
    }
    return Models(nfd=trained_nfd, baselines=baselines, steps=steps)


def _baseline(sizes: Sizes, fsq: FSQ, transformer: nn.Module) -> ARWorld:
    assert isinstance(transformer, ARTransformer)
    return ARWorld(
        action_space=sizes.action_space,
        vocabulary=sizes.vocabulary,
        tokenizer=fsq,
        transformer=transformer,
    )


def _trainer(folder: Path, name: str, module: nn.Module) -> Trainer:
    optimizers = nfd_optimizers(module, muon_lr=MUON_LR, adamw_lr=ADAMW_LR)
    return Trainer(folder, name, module, optimizers, ema_decay=EMA)


def _tokenizer_trainer(folder: Path, name: str, module: nn.Module) -> Trainer:
    optimizers = vae_optimizers(module, lr=TOKENIZER_LR)
    return Trainer(folder, name, module, optimizers, ema_decay=TOKENIZER_EMA)


def _trained(learner: Learner) -> nn.Module:
    return learner.trainer.averaged.eval().requires_grad_(False)


@torch.no_grad()
def _normalise(vae: VAE, film: Recording) -> None:
    """Sets the statistics by which the VAE's latents have unit variance."""
    mean_BChw, _ = vae.posterior(pixels(film.frames[:1024]))
    vae.latent_mean.copy_(mean_BChw.mean(dim=(0, 2, 3)))
    vae.latent_std.copy_(mean_BChw.std(dim=(0, 2, 3)))
