"""Colours of the island's tiles: a letter of `sprites` is one colour, a ground three shades."""

from collections.abc import Mapping
from dataclasses import dataclass

Shades = tuple[str, str, str]  # plain, light, dark: RGB in hexadecimal


@dataclass(frozen=True, slots=True)
class Style:
    """`colours` by letter of a drawing, RGB in hexadecimal; `shades` by ground."""

    colours: Mapping[str, str]
    shades: Mapping[str, Shades]

    def with_colours(self, colours: Mapping[str, str]) -> "Style":
        return Style(dict(self.colours) | dict(colours), self.shades)


_COMMON = {
    "o": "24202c", "h": "6b3f24", "H": "55301a", "f": "f2c193", "e": "2a2440", "c": "d8433f",
    "C": "ab2f35", "b": "39508f", "w": "f6f2e8", "k": "45352f", "K": "7b6a66", "p": "e89aa0",
    "z": "6fae63", "Z": "4f8b4a", "r": "d93a34", "R": "f27a3d", "t": "5f5570", "T": "4a4259",
    "n": "ece7d6", "N": "c9c1a9", "m": "9a6a3c", "M": "c08c52", "s": "9298a2", "S": "b4bac2",
    "i": "d39a6a", "I": "f0c79a", "a": "3fa9dc", "A": "b9ecf7", "Y": "fbd84b", "G": "3f8f3f",
    "L": "6dbb4e", "D": "2c6a38",
}  # fmt: skip  # a table
_MEADOW = {
    "grass": ("6cb34f", "7cc25a", "5b9f45"), "sand": ("ead79c", "f4e5b4", "d6be80"),
    "water": ("3f83c9", "6aa9e2", "356fb0"), "stone": ("8a8f98", "a1a6ae", "70757f"),
    "path": ("b59b7a", "c6ad8b", "9d8464"), "lava": ("e2571e", "ffc23a", "b8340f"),
}  # fmt: skip  # a table
_AUTUMN = {
    "grass": ("c49a45", "d6ad55", "a98238"), "water": ("3d7fa6", "67a6c6", "336b8d"),
}  # fmt: skip  # a table
_FROST = {
    "grass": ("dfe8ee", "f3f8fb", "c4d2dc"), "sand": ("cfd3c4", "dfe2d4", "b5baa9"),
    "water": ("5b9bb8", "8cc3d8", "4a86a3"), "path": ("9a9aa6", "adadb8", "84848f"),
}  # fmt: skip  # a table
STYLES = (  # the first is what is shipped
    Style(_COMMON, _MEADOW),
    Style(_COMMON | {"G": "b5542a", "L": "e08a3a", "D": "8a3a26"}, _MEADOW | _AUTUMN),
    Style(_COMMON | {"G": "4f8f86", "L": "e8f4f2", "D": "35635f"}, _MEADOW | _FROST),
)
SLOT: Shades = ("3a3644", "3a3644", "322e3b")  # the inventory's ground, and its frame
BEATS = "e8d9a8", "4d4859"  # lit and not
METALS = {  # of a tool: light and dark
    "wood": {"T": "a8713d", "t": "8a5a2e"},
    "stone": {"T": "9aa0a9", "t": "7f858f"},
    "iron": {"T": "e9b98c", "t": "cf9560"},
}
