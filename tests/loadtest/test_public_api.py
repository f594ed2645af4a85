"""Allowed addresses of a load test."""

import pytest

from loadtest.public_api import check_target


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost/", "http://[::1]:80/", "https://127.1.2.3"]
)
def test_this_machine_is_a_target(url: str) -> None:
    assert check_target(url, allow_remote=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://10.0.0.1:8080",
        "http://0.0.0.0:8080",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1@example.org/",
        "http://localhost.example.org/",
    ],
)
def test_another_machine_is_refused_unless_asked_for(url: str) -> None:
    with pytest.raises(ValueError, match="--allow-remote"):
        check_target(url, allow_remote=False)
    assert check_target(url, allow_remote=True) == url


@pytest.mark.parametrize("url", ["", "8080", "file:///etc/passwd", "ftp://127.0.0.1", "http://"])
def test_what_is_no_web_address_is_refused_even_then(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        check_target(url, allow_remote=True)
