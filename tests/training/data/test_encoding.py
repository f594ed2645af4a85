"""Latents are made once, and only ever met by the tokenizer that made them."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model import presets
from model.tokenizer.vae import VAE
from training.data.encoding import LatentCache, encode
from training.data.games.toy import ToyRecorder
from training.data.index.manifest import index_recordings
from training.data.latents import ClipSource
from training.data.recording import Recording
from training.data.source import Entry, RecordingFolder


@dataclass(frozen=True, slots=True)
class Watched(RecordingFolder):
    """Remembers what was read."""

    opened: list[str] = field(default_factory=list)

    def open(self, name: str) -> Recording:
        self.opened.append(name)
        return RecordingFolder.open(self, name)


@pytest.fixture
def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(presets.debug().vae).eval().requires_grad_(False)


@pytest.fixture
def source(tmp_path: Path) -> Watched:
    for episode in range(3):
        ToyRecorder().record(num_frames=12, seed=episode).save(
            tmp_path / "train" / f"{episode:05d}"
        )
    return Watched(tmp_path, ("forward", "back", "left", "right", "act", "yaw"))


def _entries(source: Watched) -> list[Entry]:
    entries = list(index_recordings(source, source.root / "manifest.json").of("train"))
    source.opened.clear()
    return entries


def test_an_interrupted_encoding_goes_on_where_it_stopped(source: Watched, vae: VAE) -> None:
    entries = _entries(source)
    cache = LatentCache(source.root / "latents", vae)
    cache.encoded(source, entries[:2])
    assert source.opened == ["train/00000", "train/00001"]
    films = LatentCache(source.root / "latents", vae).encoded(source, entries)
    assert source.opened == ["train/00000", "train/00001", "train/00002"]
    truth = encode(vae, source.open("train/00001"))
    assert torch.equal(films[1].latents_NChw, truth.latents_NChw)
    assert torch.equal(films[1].actions_NA, truth.actions_NA)


def test_a_changed_encoder_has_latents_of_its_own_and_a_changed_decoder_does_not(
    source: Watched, vae: VAE
) -> None:
    entries = _entries(source)
    LatentCache(source.root / "latents", vae).encoded(source, entries)
    other_decoder, other_encoder = copy.deepcopy(vae), copy.deepcopy(vae)
    next(other_decoder.decoder.parameters()).add_(1.0)
    next(other_encoder.encoder.parameters())[0, 0, 0, 0] += 1e-3
    source.opened.clear()
    LatentCache(source.root / "latents", other_decoder).encoded(source, entries)
    assert not source.opened
    LatentCache(source.root / "latents", other_encoder).encoded(source, entries)
    assert len(source.opened) == 3


def test_the_statistics_of_a_tokenizer_are_measured_once(source: Watched, vae: VAE) -> None:
    cache = LatentCache(source.root / "latents", vae)
    assert not cache.restore_statistics()
    vae.latent_mean.fill_(0.25)
    cache.keep_statistics()
    again = copy.deepcopy(vae)
    again.latent_mean.fill_(0.0)
    assert LatentCache(source.root / "latents", again).restore_statistics()
    assert torch.equal(again.latent_mean, vae.latent_mean)
    assert set(load_file(cache.folder / "statistics.safetensors")) == {"mean", "std"}


def test_any_draw_can_be_made_without_those_before_it(source: Watched, vae: VAE) -> None:
    films = LatentCache(source.root / "latents", vae).encoded(source, _entries(source))
    clips = ClipSource(films, num_frames=5, batch_size=4, device=torch.device("cpu"))
    assert len(clips) == 3 * 8
    generator = torch.Generator()
    drawn = [clips.draw(generator.manual_seed(step)).latents_BFChw for step in range(5)]
    again = ClipSource(films, num_frames=5, batch_size=4, device=torch.device("cpu"))
    assert torch.equal(again.draw(generator.manual_seed(3)).latents_BFChw, drawn[3])
    assert not torch.equal(drawn[3], drawn[2])
