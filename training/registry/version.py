"""One published version of a world: the content of `version.json`. Imports no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Origin of a version: sha256 of the data (all recordings), of the tokenizer, of the teacher's
    state and of the served transformer; "" for a missing part. `recordings`: the operator's name of
    given recordings."""

    data: str
    tokenizer: str
    teacher: str
    student: str
    recordings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The controls of a page: two versions with equal controls can share players."""

    buttons: tuple[str, ...]
    degrees_per_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldVersion:
    """`digest` is the world's own digest and names the version; `label` is the version's name in
    the recipe. `card`: the measured figures, or None. `created_at`: ISO 8601, UTC."""

    name: str
    digest: str
    label: str
    title: str
    created_at: str
    run_id: str
    controls: Controls
    lineage: Lineage
    files: Mapping[str, str]  # file name → sha256, every file of the folder but this index
    card: Mapping[str, Any] | None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "WorldVersion":
        """Raises ValueError, KeyError or TypeError for content of another form."""
        content = json.loads(text)
        controls = content["controls"] | {"buttons": tuple(content["controls"]["buttons"])}
        content["controls"] = Controls(**controls)
        content["lineage"] = Lineage(**content["lineage"])
        return cls(**content)
