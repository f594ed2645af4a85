"""One published version of a world, as its `version.json` tells it. Imports no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a version was made of: sha256 of the data (all recordings), of the tokenizer, of the
    teacher's trained state and of the served transformer. "" where there was none. `recordings` is
    what the operator called those of others, if it learnt from such."""

    data: str
    tokenizer: str
    teacher: str
    student: str
    recordings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What a page must know to steer: two versions with the same controls can share players."""

    buttons: tuple[str, ...]
    degrees_per_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldVersion:
    """`digest` is the world's own and names the version; `label` is what its makers call it.
    `card` holds its measured figures (None: there are none). `created_at` is in ISO 8601, UTC."""

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
        """Raises ValueError, KeyError or TypeError on anything but a version."""
        content = json.loads(text)
        controls = content["controls"] | {"buttons": tuple(content["controls"]["buttons"])}
        content["controls"] = Controls(**controls)
        content["lineage"] = Lineage(**content["lineage"])
        return cls(**content)
