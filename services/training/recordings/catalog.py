"""The folders of recordings allowed for training, and the folder of one run.

Rules only; `scanner.py` reads the folders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.telemetry import Problem
from training.recipes.overrides import NEED_RECORDINGS


@dataclass(frozen=True, slots=True)
class RecordingsCatalog:
    """Folders by name, so a request never contains a path."""

    folders: Mapping[str, Path]

    def folder_for(self, recipe: str, name: str) -> Path | None:
        """Returns the folder of recordings for a run of the recipe; None if the recipe records its
        own data and no name is given. Raises Problem."""
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
