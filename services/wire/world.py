"""The listing of a world: the facts a page needs before play. Holds no weights and no paths."""

import json
from dataclasses import asdict, dataclass

from services.wire.fields import from_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStart:
    """One start of a world. `image`: a small JPEG as a data URL."""

    index: int
    name: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldKey:
    """The default keys of a button: `code` is the key's position (as in `KeyboardEvent.code`),
    `pad` the button of a gamepad in the standard mapping. Null means no key."""

    button: str
    label: str
    code: str
    pad: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOffer:
    """A served version of a world.

    `buttons`: bit i of an action's `held` is `buttons[i]`. `degrees_per_count`: camera rotation per
    mouse count, 0 in a world without a camera. `version`: the maker's name; `digest`: identifies
    the exact content. `keys`: the world's own controls; if empty, the page maps buttons by name.
    `title`: the name for players. `preview`: a short animation as a data URL (WebP). `title` and
    `preview` are empty on replicas of an older service.
    """

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
        """Raises ValueError if the text is not a listing."""
        match content := json.loads(text):
            case {"buttons": list(buttons), "starts": list(starts)}:
                content["buttons"] = tuple(map(str, buttons))
                content["starts"] = tuple(from_fields(WorldStart, start) for start in starts)
        match content:
            case {"keys": list(keys)}:  # a replica of an earlier version says none
                content["keys"] = tuple(from_fields(WorldKey, key) for key in keys)
        return from_fields(cls, content)
