"""All real services on this machine, started as `python -m services.play` does, one by one; a test
can kill and restart a service."""

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from services.play import process_session
from services.play.checks import with_free_ports
from services.play.child import Child
from services.play.plan import ROOT, SHIPPED_WORLDS, ServicePlan, StackOptions, plan_services
from services.play.private_redis import PrivateRedis
from services.play.stack import is_ready

LOGS = ROOT / "build" / "e2e" / "logs"
START_TIMEOUT_S = 300.0
END_TIMEOUT_S = 15.0
WORLD = SHIPPED_WORLDS / "freedoom"
ANY_PORTS = StackOptions(port=0, session_port=0, generation_port=0, worlds=(WORLD,))


class Stack:
    """The services with their processes. `page_url`: the page's address; `env`: variables for all
    services."""

    def __init__(
        self,
        options: StackOptions,
        plans: tuple[ServicePlan, ...],
        env: dict[str, str],
        redis_url: str,
    ) -> None:
        self._plans = {plan.name: plan for plan in plans}
        self.page_url = f"{options.page_origin}/"
        self.session_url = options.session_origin
        self.ops_urls = {plan.name: f"http://127.0.0.1:{plan.port}" for plan in plans}
        self.redis_url = redis_url
        self._env = env
        self._children: dict[str, Child] = {}

    def start(self, name: str) -> None:
        plan = self._plans[name]
        self._children[name] = Child(
            name,
            plan.command,
            env=plan.environment(os.environ) | self._env,
            cwd=ROOT,
            log_path=LOGS / f"{name}-{secrets.token_hex(2)}.log",
        )

    def wait_until_ready(self, name: str) -> None:
        child, plan = self._children[name], self._plans[name]
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready(plan):
            assert not child.has_ended, "\n".join([f"{name} ended:", *child.last_lines(20)])
            assert time.monotonic() < deadline, "\n".join([f"{name}:", *child.last_lines(20)])
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """Sends SIGKILL, like a crashed machine."""
        child = self._children.pop(name)
        os.kill(child.pid, signal.SIGKILL)
        child.finish()

    def kill_replica(self) -> None:
        """Sends SIGKILL to the process of the engine; Ray starts another process."""
        pids = process_session.running(self._children["generation"].pid)
        [replica] = [pid for pid in pids if ":Generator" in _command_line(pid)]
        os.kill(replica, signal.SIGKILL)

    def close(self) -> None:
        for child in self._children.values():
            child.ask_to_end()
        for child in self._children.values():
            child.wait(END_TIMEOUT_S)
            child.finish()


@contextmanager
def running_stack(
    env: dict[str, str],
    options: StackOptions = ANY_PORTS,
    commands: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Iterator[Stack]:
    """Starts all services of `options` and waits until ready; `env`: variables for each service.
    `commands`: service name -> replacement command."""
    LOGS.mkdir(parents=True, exist_ok=True)
    options = with_free_ports(options)
    with (
        tempfile.TemporaryDirectory(prefix="nextframe-") as folder,
        closing(PrivateRedis(Path(folder), log_path=LOGS / "redis.log")) as redis,
    ):
        plans = plan_services(options, redis_url=redis.url, token_secret=secrets.token_hex(32))
        plans = tuple(replace(p, command=commands.get(p.name, p.command)) for p in plans)
        stack = Stack(options, plans, env, redis.url)
        try:
            for plan in plans:
                stack.start(plan.name)
            for plan in plans:
                stack.wait_until_ready(plan.name)
            yield stack
        finally:
            stack.close()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""  # gone meanwhile
