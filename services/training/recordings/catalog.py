"""The folders of recordings that an operator lets runs learn from, and which of them a run gets.

Rules; what a folder holds is found out by `scanner.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.telemetry import Problem
from training.recipes.overrides import NEED_RECORDINGS


@dataclass(frozen=True, slots=True)
class RecordingsCatalog:
    """By name: an order never holds a path."""

    folders: Mapping[str, Path]

    def folder_for(self, recipe: str, name: str) -> Path | None:
        """What a run of that recipe learns from; None where it films by itself and nothing was
        named. Raises Problem."""
        if recipe not in NEED_RECORDINGS:
            if not name:
                return None
            detail = f"The {recipe} recipe films by itself; name no recordings."
            raise Problem(422, "recordings-refused", detail)
        if name not in self.folders:
            raise Problem(422, "no-such-recordings", self._choice(recipe))
        if not self.folders[name].is_dir():
            detail = f"The folder of the recordings {name!r} is not there now."
            raise Problem(422, "recordings-missing", detail)
        return self.folders[name]

    def _choice(self, recipe: str) -> str:
        there = ", ".join(self.folders) or "none: NEXTFRAME_TRAINING_RECORDINGS names them"
        return f"The {recipe} recipe learns from recordings; there are {there}."
