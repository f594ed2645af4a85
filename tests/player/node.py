"""The JavaScript runtime for tests of the page's modules: the machine's node, else Playwright's."""

import shutil
from pathlib import Path

import playwright

PLAYER = Path(__file__).parents[2] / "services" / "ingest" / "player"


def node() -> str:
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    return shutil.which("node") or str(bundled)
