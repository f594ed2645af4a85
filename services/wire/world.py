"""A world on offer: what a page needs to know before it plays. No weights, no paths."""

import json
from dataclasses import asdict, dataclass

from services.wire.fields import from_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStart:
    """One opening of a world. `image`: a small JPEG as a data URL."""

    index: int
    name: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldKey:
    """How a page lets people press a button: `code` is the key's place on a keyboard (as in
    `KeyboardEvent.code`), `pad` the button of a gamepad in the standard mapping, null for none."""

    button: str
    label: str
    code: str
    pad: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOffer:
    """A version of a world that replicas serve now. `buttons`: bit i of an action's `held` is
    `buttons[i]`. `degrees_per_count`: how far one mouse count turns, 0 in a world without a camera.
    `version` is what its makers call it; `digest` names its exact content. `keys`: the world's own
    controls; none: the page knows its buttons by name. `title`: what players call the world,
    `preview` a few moving pictures of it as a data URL (WebP); either is empty where a replica of
    an older service serves it."""

    name: str
    version: str
    width: int  # pixels
    height: int
    fps: float
    buttons: tuple[str, ...]
    degrees_per_count: float
    starts: tuple[WorldStart, ...]
    digest: str = ""
    title: str = ""
    preview: str = ""
    keys: tuple[WorldKey, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "WorldOffer":
        """Raises ValueError on anything but an offer."""
        match content := json.loads(text):
            case {"buttons": list(buttons), "starts": list(starts)}:
                content["buttons"] = tuple(map(str, buttons))
                content["starts"] = tuple(from_fields(WorldStart, start) for start in starts)
        match content:
            case {"keys": list(keys)}:  # a replica of an earlier version says none
                content["keys"] = tuple(from_fields(WorldKey, key) for key in keys)
        return from_fields(cls, content)
