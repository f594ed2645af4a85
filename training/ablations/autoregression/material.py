"""Training material of both methods: the recordings of one run, as latents and as codes. The
contest stores its files in a folder of the run.

The toy world gets a finer grid than its recipe's: with 16 tokens a frame, the decode order matters.
"""

from dataclasses import replace
from pathlib import Path

from model.ar.decoding.order import DecodeOrder, blocks, diagonal, raster
from model.nfd.transformer import NFDConfig
from model.tokenizer.fsq import FSQ
from training.data.encoding import encode, encoder_hash
from training.data.latents import LatentRecording
from training.pipeline.stages.recordings import manifest, source
from training.recipes.named import recipe_named
from training.recipes.recipe import Recipe
from training.run import Run


def contest_recipe(name: str) -> Recipe:
    recipe = recipe_named(name)
    return _on_a_finer_grid(recipe) if name == "debug" else recipe


def _on_a_finer_grid(toy: Recipe) -> Recipe:
    """8x compression instead of 16x."""
    preset = toy.preset
    vae = replace(preset.vae, encoder_widths=(24, 48), decoder_widths=(24, 48))
    nfd = replace(preset.nfd, grid_height=4, grid_width=4, width=80, num_layers=3, num_heads=4)
    return replace(toy, preset=replace(preset, vae=vae, nfd=nfd))


def decode_orders(nfd: NFDConfig) -> dict[str, DecodeOrder]:
    """MineWorld's three orders: cell after cell; a row as soon as the row above has a cell; a whole
    row at once."""
    height, width = nfd.grid_height, nfd.grid_width
    return {
        "raster": raster(height, width),
        "diagonal": diagonal(height, width, 1),
        "blocks": blocks(height, width, width),
    }


def folder_of(run: Run) -> Path:
    return run.folder / "compare"


def coded_recordings(recipe: Recipe, run: Run, fsq: FSQ) -> list[LatentRecording]:
    """All training films on the grid of codes, made once per FSQ."""
    folder = folder_of(run) / "codes" / encoder_hash(fsq)[:16]
    given = source(recipe, run)
    coded = []
    for entry in manifest(recipe, run).of("train"):
        path = folder / f"{entry.digest}.safetensors"
        if not path.exists():
            encode(fsq, given.open(entry.name)).save(path)
        coded.append(LatentRecording.load(path))
    return coded
