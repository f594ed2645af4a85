"""The page's pure modules, tested in JavaScript in this folder by node's test runner."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.player.node import node

TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("module", TESTS, ids=lambda path: path.name)
def test_module(module: Path) -> None:
    quiet = {**os.environ, "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        [node(), "--test", "--test-reporter=tap", str(module)],
        capture_output=True,
        text=True,
        timeout=60,
        env=quiet,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout, "no test ran"
