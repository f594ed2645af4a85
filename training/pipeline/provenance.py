"""The provenance of a released world, for `world.json` and the card: stages with their time, the
resolved recipe, calls with other settings, and the lineage. Trains nothing."""

import json
import platform
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch

from training.data.index.manifest import read_manifest
from training.device import pick_device
from training.loop.state import read_state
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.registry.lineage import hash_of
from training.run import Run

NOTE = "note.txt"  # in the run's folder: what its makers want to add
_MOST_CALLS, _MOST_NOTE = 20, 2_000
_IN_THE_SPEC = ("preset", "action_space", "title", "licence", "oracle")


def provenance(recipe: Recipe, run: Run, weights: str) -> dict[str, Any]:
    """Lines of text first; `recipe`, `calls` and `lineage` are objects. `calls`: per stage, the
    steps and minutes of every call and the settings that differ from the recipe."""
    numbers = {
        name: value for name, value in numbers_of(recipe).items() if name not in _IN_THE_SPEC
    }
    facts: dict[str, Any] = {
        "served weights": weights,
        "machine": f"{platform.machine()}, {pick_device()}, torch {torch.__version__}",
        "recorded frames": recipe.record.train_frames,
    }
    calls = {}
    for stage in ("tokenizer", "decoder", "map", "teacher", "student"):
        if run.is_trained(stage):
            state = read_state(run.state(stage))
            calls[stage] = _calls(state, numbers[stage])
            facts[stage] = f"{state['step']} steps, {state['seconds'] / 60:.0f} minutes"
            if any(call["other"] for call in calls[stage]):
                facts[stage] += ", not all by the recipe's numbers"
    if run.adopted.exists():
        facts["begun with"] = json.loads(run.adopted.read_text())
    note = run.folder / NOTE
    if note.exists():
        facts["note"] = note.read_text()[:_MOST_NOTE].strip()
    return facts | {"recipe": numbers, "calls": calls, "lineage": _lineage(run)}


def _calls(state: Mapping[str, Any], numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last calls; empty for a state of a version that stored no calls."""
    begun = [*state.get("calls", ()), {"step": state["step"], "seconds": state["seconds"]}]
    return [
        {
            "steps": then["step"] - call["step"],
            "minutes": round((then["seconds"] - call["seconds"]) / 60, 1),
            "other": {
                name: value
                for name, value in call["settings"].items()
                if name in numbers and value != numbers[name]
            },
        }
        for call, then in pairwise(begun)
    ][-_MOST_CALLS:]


def _lineage(run: Run) -> dict[str, str]:
    """Hashes of the training recordings and of the teacher's state; `world.json` holds the hashes
    of the served networks."""
    data = read_manifest(run.manifest).digest("train") if run.manifest.exists() else ""
    return {"data": data, "teacher": hash_of(run.state("teacher"))}
