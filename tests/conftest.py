"""What every test may lean on. Categories are markers (pyproject.toml); a bare test is `unit`."""

import os
import shutil

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_tests and not _has_cuda():
        for item in gpu_tests:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


def _has_cuda() -> bool:
    import torch  # late: the services' tests run without it

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium. Skips where there is none, except in CI: there it fails."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    message = "no Chromium here, so no browser test ran (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
