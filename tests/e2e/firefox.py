"""A real Firefox with default settings, driven by Firefox's built-in WebDriver BiDi (W3C): one
window, no separate driver."""

import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

LISTENS = "WebDriver BiDi listening on "
ANSWER_S = 30.0
END_S = 15.0
ARROW_LEFT, ARROW_RIGHT = "\ue012", "\ue014"


class Firefox:
    """One page in one window. Raises AssertionError with Firefox's message after a refusal."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._num_commands = 0
        self._command("session.new", capabilities={})
        tree = self._command("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]

    def set_viewport(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self._command("browsingContext.setViewport", context=self._page, viewport=size)

    def goto(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Returns the JSON value of a JavaScript expression."""
        found = self._evaluate(f"JSON.stringify({expression})")
        return json.loads(found["value"]) if "value" in found else None

    def until(self, expression: str, *, timeout_s: float = 30) -> Any:
        """Returns the first true value of an expression."""
        deadline = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                said = self.evaluate("document.body.innerText")
                raise AssertionError(f"never true: {expression}\nThe page says:\n{said}")
            time.sleep(0.05)
        return value

    def click(self, element_id: str) -> None:
        """Clicks like a user, which gives the page a user activation."""
        element = self._evaluate(f"document.getElementById({element_id!r})")
        origin = {"type": "element", "element": {"sharedId": element["sharedId"]}}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": moves})

    def key_down(self, key: str) -> None:
        self._act({"type": "key", "id": "keyboard", "actions": [{"type": "keyDown", "value": key}]})

    def key_up(self, key: str) -> None:
        self._act({"type": "key", "id": "keyboard", "actions": [{"type": "keyUp", "value": key}]})

    def screenshot(self, path: Path) -> None:
        shot = self._command("browsingContext.captureScreenshot", context=self._page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._command("browser.close")

    def _act(self, source: dict[str, Any]) -> None:
        self._command("input.performActions", context=self._page, actions=[source])

    def _evaluate(self, expression: str) -> dict[str, Any]:
        answer = self._command(
            "script.evaluate",
            expression=expression,
            target={"context": self._page},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        found: dict[str, Any] = answer["result"]
        return found

    def _command(self, method: str, **params: Any) -> dict[str, Any]:
        self._num_commands += 1
        self._socket.send(
            json.dumps({"id": self._num_commands, "method": method, "params": params})
        )
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_S))
            if answer.get("id") == self._num_commands:
                break  # what has no id is an event
        assert answer["type"] == "success", f"{method}: {answer.get('message')}"
        result: dict[str, Any] = answer["result"]
        return result


@contextmanager
def open_firefox(path: str) -> Iterator[Firefox]:
    """Starts Firefox headless with a fresh, empty profile."""
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-remote", "--profile", profile]
        command += ["--remote-debugging-port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                with connect(f"{_address(process)}/session", max_size=None) as socket:
                    firefox = Firefox(socket)
                    yield firefox
                    firefox.close()
                process.communicate(timeout=END_S)
            finally:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if LISTENS in line:
            return line.partition(LISTENS)[2].strip()
    raise AssertionError("Firefox ended before it listened")
