"""What browser tests and other pages may rely on: ids, `window.nextframe`, parameters, states."""

import re
from html.parser import HTMLParser

from tests.player.node import PLAYER
from tests.unchanged.comparison import Recording


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("id")
        if name:
            self.found.append(f"{tag}#{name}")


def record() -> Recording:
    ids = _Ids()
    ids.feed((PLAYER / "index.html").read_text())
    scripts = "\n".join(path.read_text() for path in sorted(PLAYER.glob("*.js")))
    return {
        "ids": sorted(ids.found),
        "window.nextframe": _public_names(scripts),
        "parameters": sorted(set(re.findall(r'address\.get\("(\w+)"\)', scripts))),
        "state names": sorted(set(re.findall(r'\bname: "(\w+)"', scripts))),
        "paths": sorted(set(re.findall(r"/v1/\w+|/whep\b", scripts))),
    }


def _public_names(scripts: str) -> list[str]:
    """The names in `window.nextframe = Object.freeze({ ... })`, at any depth."""
    match = re.search(r"window\.nextframe = Object\.freeze\(\{\n(.*?)\n\}\);", scripts, re.S)
    assert match, "the page has no window.nextframe"
    return re.findall(r"^\s+(\w+):", match.group(1), re.M)
