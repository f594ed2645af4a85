"""A local stack: a private Redis and three services, each a separate process.

Owns every started process with all descendants. Knows only commands, variables and /readyz of a
service.
"""

import http.client
import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from services.play.checks import check_space, check_world, with_free_ports
from services.play.child import Child
from services.play.plan import HOST, ROOT, ServicePlan, StackOptions, plan_services
from services.play.private_redis import PrivateRedis
from services.play.reaper import END_TIMEOUT_S, Reaper
from services.socket_folder import OWN_NAME_BYTES, make_socket_folder

START_TIMEOUT_S = 300.0
REPORT_EVERY_S = 5.0
POLL_S = 0.2
READY_TIMEOUT_S = 2.0
LINES_SHOWN = 15
# Generation makes a folder in ours, and Ray's sockets lie in that one.
SOCKET_BYTES = OWN_NAME_BYTES + 66


class StopRequested(Exception):
    """A stop was requested during the start."""


class ServiceFailed(Exception):
    """A service ended or never became ready. The message contains the service's last log lines."""


class LocalStack:
    """Runs from construction to `close`. Raises PreconditionError before any start if a port is
    occupied or a file is missing."""

    def __init__(self, options: StackOptions) -> None:
        options.log_folder.mkdir(parents=True, exist_ok=True)
        for world in options.worlds:
            check_world(world)
        if options.canary_world is not None:
            check_world(options.canary_world)
        check_space(options.log_folder)
        self.options = options = with_free_ports(options)
        self.page_url = f"{options.page_origin}/"
        self.session_url = options.session_origin
        self.training_url = f"http://{HOST}:{options.training_port}/"
        self._services: dict[str, Child] = {}
        with ExitStack() as undo:
            folder = make_socket_folder(SOCKET_BYTES)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            reaper = undo.enter_context(closing(Reaper(folder)))
            redis_log = options.log_folder / "redis.log"
            redis = undo.enter_context(closing(PrivateRedis(folder, log_path=redis_log)))
            reaper.watch_over(redis.child)
            self.redis_url = redis.url
            undo.callback(self._end_services)
            self._plans = plan_services(
                options, redis_url=redis.url, token_secret=secrets.token_hex(32)
            )
            for plan in self._plans:
                child = _start(plan, options.log_folder, folder)
                self._services[plan.name] = child
                reaper.watch_over(child)
            self._watched = (redis.child, *self._services.values())
            self._undo = undo.pop_all()

    @property
    def ops_urls(self) -> dict[str, str]:
        """Returns service name -> address of probes, metrics and OpenAPI document; further
        processes of a service have a number in the name."""
        return {
            plan.name if i == 0 else f"{plan.name}-{i + 1}": f"http://{HOST}:{port}"
            for plan in self._plans
            for i, port in enumerate(plan.ports)
        }

    def wait_until_ready(self, report: Callable[[str], None], stop: threading.Event) -> None:
        """Raises ServiceFailed, or StopRequested once `stop` is set."""
        began = time.monotonic()
        said_at = began
        waiting = list(self._plans)
        while waiting:
            if stop.wait(POLL_S):
                raise StopRequested
            self.check()
            for plan in [plan for plan in waiting if is_ready(plan)]:
                waiting.remove(plan)
                report(f"{plan.name} is ready ({time.monotonic() - began:.0f} s)")
            now = time.monotonic()
            if waiting and now - began > START_TIMEOUT_S:
                late = self._services[waiting[0].name]
                raise ServiceFailed(_complaint(late, f"is not ready after {START_TIMEOUT_S:.0f} s"))
            if waiting and now - said_at >= REPORT_EVERY_S:
                said_at = now
                doing = ", ".join(f"{plan.name} ({plan.what})" for plan in waiting)
                report(f"... {now - began:.0f} s, waiting for {doing}")

    def watch(self, stop: threading.Event) -> None:
        """Returns once `stop` is set; raises ServiceFailed if a service ends before."""
        while not stop.wait(POLL_S):
            self.check()

    def check(self) -> None:
        """Raises ServiceFailed if a service has ended."""
        for child in self._watched:
            if child.has_ended:
                raise ServiceFailed(_complaint(child, f"ended ({_how(child.exit_status)})"))

    def close(self) -> None:
        """Ends all started processes; idempotent."""
        self._undo.close()

    def _end_services(self) -> None:
        """Redis ends after them, for they save what they hold."""
        for child in self._services.values():
            child.ask_to_end()
        deadline = time.monotonic() + END_TIMEOUT_S
        for child in self._services.values():
            child.wait(max(0.0, deadline - time.monotonic()))
        for child in self._services.values():
            child.finish()


def _start(plan: ServicePlan, log_folder: Path, temp_folder: Path) -> Child:
    """What the service leaves behind when it is ended by force goes with `temp_folder`."""
    own = {"PYTHONUNBUFFERED": "1", "TMPDIR": str(temp_folder)}
    return Child(
        plan.name,
        plan.command,
        env=plan.environment(os.environ) | own,
        cwd=ROOT,
        log_path=log_folder / f"{plan.name}.log",
    )


def is_ready(plan: ServicePlan) -> bool:
    """Returns whether /readyz of every process answers 200."""
    return all(map(_is_ready, plan.ports))


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=READY_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _how(exit_status: int | None) -> str:
    assert exit_status is not None
    if exit_status < 0:
        return f"by {signal.Signals(-exit_status).name}"
    return f"with status {exit_status}"


def _complaint(child: Child, what: str) -> str:
    lines = [f"    {line}" for line in child.last_lines(LINES_SHOWN)]
    return "\n".join([f"{child.name} {what}. The end of {child.log_path}:", *lines])
