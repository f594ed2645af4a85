"""docs/remote.md: a browser without UDP plays through a TURN server over TCP."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from services.play.child import Child
from tests.e2e.stack import running_stack
from tests.player.browser import FLAGS, stats, until

CHROMIUM, TURNSERVER = shutil.which("chromium"), shutil.which("turnserver")
NO_UDP = "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"
SECRET = "what the TURN server and the services share"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.skipif(TURNSERVER is None, reason="needs Debian's package coturn"),
]


@contextmanager
def turn_server(folder: Path) -> Iterator[int]:
    """Runs the server of docs/remote.md; yields the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    child = Child(
        "turnserver",
        [
            str(TURNSERVER), "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers",
            "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--allow-loopback-peers",
            "--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "nextframe",
            "--listening-port", str(port), "--userdb", str(folder / "turn.db"),
            "--pidfile", str(folder / "turn.pid"), "--log-file", "stdout",
        ],
        log_path=folder / "turnserver.log",
    )  # fmt: skip
    try:
        yield port
    finally:
        child.finish()


@pytest.mark.timeout(300)
def test_a_browser_without_udp_plays_through_turn_over_tcp(tmp_path: Path) -> None:
    with turn_server(tmp_path) as port, sync_playwright() as playwright:
        env = {
            "NEXTFRAME_SESSION_ICE_SERVERS": f"turn:127.0.0.1:{port}?transport=tcp",
            "NEXTFRAME_SESSION_ICE_SECRET": SECRET,
        }
        flags = [flag for flag in FLAGS if "loopback" not in flag]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, NO_UDP])
        with running_stack(env) as stack:
            page = browser.new_page()
            page.goto(stack.page_url)
            until(page, "!document.getElementById('play').disabled", timeout_s=60)
            page.click("#play")
            until(page, "nextframe.stats().frames > 20", timeout_s=60)
            assert stats(page)["state"] == "live"
            page.keyboard.down("KeyW")
            until(page, "nextframe.stats().action_to_photon_ms.p50 > 0", timeout_s=15)
        browser.close()
