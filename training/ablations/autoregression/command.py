"""`python -m training compare`: Next-Frame Diffusion against token-autoregressive decoding in one
table, at matched parameters, equal tokens a frame and equal training time, on the toy world.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from model.ar.decoding.order import diagonal, raster
from model.arguments import above_zero, at_least_one
from training.ablations.autoregression.contestants import train_models, train_tokenizers
from training.ablations.autoregression.held_out import HeldOut
from training.ablations.autoregression.material import film, toy_sizes
from training.ablations.autoregression.measure import measure
from training.ablations.autoregression.table import to_markdown

FILMS, FILM_FRAMES = 4, 2_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--seconds", type=above_zero, default=90.0,
                        help="of processor time for each model")  # fmt: skip
    parser.add_argument("--tokenizer-seconds", type=above_zero, default=45.0)
    parser.add_argument("--clips", type=at_least_one, default=128, help="held-out frames to draw")
    parser.add_argument("--run", type=Path, default=Path("build/runs/compare"))
    parser.add_argument("--out", type=Path, default=Path("build/compare.json"))


def run_command(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)  # networks this small only lose by threads
    sizes = toy_sizes()
    grid = (sizes.nfd.grid_height, sizes.nfd.grid_width)
    orders = {"raster": raster(*grid), "diagonal": diagonal(*grid, 1)}
    films = [film(FILM_FRAMES, seed) for seed in range(FILMS)]
    tokenizers = train_tokenizers(
        sizes, films, arguments.run, cpu_seconds=arguments.tokenizer_seconds
    )
    models = train_models(
        sizes, tokenizers, films, orders, arguments.run, cpu_seconds=arguments.seconds
    )
    held_out = HeldOut.of(sizes.nfd.window, arguments.clips)
    rows = measure(sizes, tokenizers, models, orders, held_out)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    report = {"rows": [asdict(row) for row in rows], "steps": models.steps}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(to_markdown(rows))
    print("training steps: " + ", ".join(f"{name} {n}" for name, n in models.steps.items()))
