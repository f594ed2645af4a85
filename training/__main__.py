"""`python -m training`: make a world, stage by stage, or measure one.

    python -m training debug                          the toy world, everything, three minutes
    python -m training freedoom --stage record        record play in ViZDoom
    python -m training freedoom --stage tokenizer --minutes 9 --keep-going
    python -m training freedoom --stage decoder --minutes 9     if it pays: sharper, same latents
    python -m training freedoom_hall --stage map --minutes 9    where the world has a place
    python -m training freedoom --stage teacher --minutes 9 --keep-going
    python -m training freedoom --stage student --minutes 9
    python -m training freedoom --stage release
    python -m training island --stage adopt --world model/worlds/island     then: --stage teacher
    python -m training evaluate                       the shipped worlds' cards -> build/eval.json
    python -m training decoders RUN ...               what tokenizers make of the same pictures
    python -m training stock FOLDER                   index a folder of VPT recordings
    python -m training film                           its moving picture -> play.webp beside it
    python -m training distillations                  three ways of distilling, in a table
    python -m training drift                          five ways of training against drift, likewise
    python -m training compare                        NFD against drawing token by token, in a table

Every stage goes on where the last call of it stopped, and takes up a call that was killed; a whole
recipe does the stages that are left. `--keep-going` leaves the learning rate up for the next call;
without it a call ends the stage with the rate cooled down to zero, so of several calls of a stage
only the last goes without. After `--stage adopt` tokenizer and teacher go on from the networks of a
released world. `--workers 8` trains the teacher on so many GPUs.
"""

import argparse
import sys

from training.commands import compare, decoders, distillations, drift, evaluate, film, train
from training.data.index import dataset_index
from training.pipeline.job import UNUSABLE
from training.recipes.overrides import RECIPES

OTHER_COMMANDS = {
    "evaluate": (evaluate.add_arguments, "measure a world, write its figures as JSON"),
    "compare": (compare.add_arguments, "NFD against token-autoregressive decoding, in a table"),
    "distillations": (distillations.add_arguments, "three ways of distilling, in a table"),
    "drift": (drift.add_arguments, "ways of training against drift, in a table"),
    "decoders": (decoders.add_arguments, "tokenizers of several runs, in a table"),
    "stock": (dataset_index.add_arguments, "index a folder of VPT recordings"),
    "film": (film.add_arguments, "the moving picture of a world"),
}


def main(argv: list[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except UNUSABLE as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar=" | ".join((*RECIPES, *OTHER_COMMANDS)))
    for name in RECIPES:
        train.add_arguments(commands.add_parser(name, help=f"train the {name} world"), name)
    for name, (add_arguments, says) in OTHER_COMMANDS.items():
        add_arguments(commands.add_parser(name, help=says))
    return parser


if __name__ == "__main__":
    sys.exit(main())
