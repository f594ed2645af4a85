"""Fixtures of all tests. Categories are markers (pyproject.toml); a test without a marker is
`unit`."""

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
    """Path of an installed Chromium. Skips without Chromium, but fails in CI."""
    return _browser("Chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def firefox_path() -> str:
    """Path of an installed Firefox. Skips without Firefox, but fails in CI."""
    return _browser("Firefox", "firefox-esr", "firefox")


def _browser(what: str, *names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    message = f"no {what} here, so its tests did not run (Debian: apt-get install {names[0]})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
