"""Finds the service processes of a stack by their commands, among the descendants of a process.
Reads /proc; Linux only."""

import os
import re
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

PROC = Path("/proc")
REDIS = "redis"
SERVICE = re.compile(r"services\.(session|ingest|generation|play)\b|(plain_generation)")
SERVER = re.compile(r"(?:valkey|redis)-server")
MODULE = re.compile(r"\0-m\0([\w.]+)")
OPS_VARIABLE = "NEXTFRAME_{}_OPS_PORT"
REDIS_VARIABLE = "NEXTFRAME_REDIS_URL"
WITH_OPS = ("session", "ingest")  # those that strangers reach
REDIS_TIMEOUT_S = 5.0


class NoServicesError(Exception):
    """A process needed for the drill does not run; the message names the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`name`: service or program, with a number if several run."""

    pid: int
    name: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProcesses:
    """All processes of one running stack. `ops_urls`: public service -> operators' address."""

    processes: tuple[Process, ...]
    ops_urls: dict[str, str]
    redis_socket: str


def find_service_processes(root_pid: int) -> ServiceProcesses:
    """Finds the stack started by `root_pid` or by a child. Among several Redis servers, selects the
    server used by the session service. Raises NoServicesError."""
    children = _children()
    below = [pid for pid in _descendants(root_pid, children) if _is_service(_command(pid))]
    pids = sorted({pid for top in below for pid in (top, *_descendants(top, children))})
    found = [Process(pid=pid, name=_name(_command(pid)), command=_command(pid)) for pid in pids]
    by_name = {process.name: process for process in found if process.command}
    if missing := {REDIS, *WITH_OPS} - set(by_name):
        raise NoServicesError(f"not running: {', '.join(sorted(missing))}")
    redis_socket = _variable(by_name["session"], REDIS_VARIABLE).removeprefix("unix://")
    ours = [p for p in found if p.command and (p.name != REDIS or redis_socket in p.command)]
    return ServiceProcesses(
        processes=_numbered(ours),
        ops_urls={
            name: f"http://127.0.0.1:{_variable(by_name[name], OPS_VARIABLE.format(name.upper()))}"
            for name in WITH_OPS
        },
        redis_socket=redis_socket,
    )


def resident_bytes(processes: Iterable[Process]) -> dict[str, int]:
    """Returns process name -> resident memory in bytes, for running processes."""
    found = {}
    for process in processes:
        try:
            status = (PROC / str(process.pid) / "status").read_text()
        except OSError:
            continue
        if match := re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE):
            found[process.name] = int(match[1]) << 10
    return found


def processor_seconds(processes: Iterable[Process]) -> dict[str, float]:
    """Returns process name -> user and system processor time in seconds, for running processes."""
    found = {}
    for process in processes:
        try:
            stat = (PROC / str(process.pid) / "stat").read_text()
        except OSError:
            continue
        user, system = stat.rpartition(")")[2].split()[11:13]
        found[process.name] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found


def busy_seconds() -> float:
    """Returns the processor time used by the whole machine so far, over all cores."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, (PROC / "stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def redis_figures(socket_path: str) -> dict[str, int]:
    """Returns used bytes and number of keys. Raises OSError if Redis does not answer."""
    memory = _ask_redis(socket_path, b"INFO memory")
    keys = _ask_redis(socket_path, b"DBSIZE")
    used = re.search(rb"used_memory:(\d+)", memory)
    if used is None or not keys.startswith(b":"):
        raise OSError("Redis answers something else")
    return {"used_bytes": int(used[1]), "keys": int(keys[1:].split()[0])}


def empty_redis(socket_path: str) -> None:
    """Removes all data, as a restart without persistence. Raises OSError if Redis refuses."""
    if not _ask_redis(socket_path, b"FLUSHALL").startswith(b"+OK"):
        raise OSError("Redis keeps its data")


def _ask_redis(socket_path: str, question: bytes) -> bytes:
    """The answer to an inline command: one line, or one string."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REDIS_TIMEOUT_S)
        connection.connect(socket_path)
        connection.sendall(question + b"\r\n")
        with connection.makefile("rb") as answer:
            head: bytes = answer.readline()
            return answer.read(int(head[1:])) if head.startswith(b"$") else head


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(entry.name))
    return found


def _descendants(pid: int, children: dict[int, list[int]]) -> list[int]:
    found = list(children.get(pid, []))
    for child in found:  # grows on the way
        found += children.get(child, [])
    return found


def _command(pid: int) -> str:
    """Arguments with NUL between them; empty for a process that has gone."""
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _is_service(command: str) -> bool:
    return bool(SERVICE.search(command) or SERVER.search(command))


def _numbered(processes: Iterable[Process]) -> tuple[Process, ...]:
    """Each with a name of its own."""
    seen: Counter[str] = Counter()
    found = []
    for process in processes:
        seen[process.name] += 1
        suffix = f" {seen[process.name]}" if seen[process.name] > 1 else ""
        found.append(replace(process, name=process.name + suffix))
    return tuple(found)


def _name(command: str) -> str:
    if SERVER.search(command):
        return REDIS
    if command.startswith("ray::"):
        return command.split("\0")[0].split("(")[0].removeprefix("ray::")
    if module := MODULE.search(command):
        return module[1].removeprefix("services.").rpartition("tests.e2e.")[2]
    first, *rest = command.split("\0")
    script = next((part for part in rest if part.endswith(".py")), "")
    return Path(script or first).name


def _variable(process: Process, name: str) -> str:
    """Of the environment that it was started with."""
    environment = (PROC / str(process.pid) / "environ").read_text()
    found = re.search(rf"(?:^|\0){name}=([^\0]*)", environment)
    if found is None:
        raise NoServicesError(f"{process.name} runs without {name}")
    return found[1]
