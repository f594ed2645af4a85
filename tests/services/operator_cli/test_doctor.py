"""The doctor: what a healthy installation gets, and what each fault gets."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from services.operator_cli.commands import doctor
from services.operator_cli.doctor import probes
from services.operator_cli.doctor.checks import examine
from services.operator_cli.doctor.findings import Health, Seen, SeenServer, SeenService
from tests.services.openapi_kit import free_port, service
from tests.services.operator_cli.cli_kit import TOKEN, Shell, lines
from tests.services.operator_cli.test_cli import FIRST, beat

REDIS = {
    "version": "7.2.0",
    "role": "master",
    "persistence": "aof",
    "eviction_policy": "noeviction",
    "maxmemory_bytes": 2**29,
    "used_bytes": 2**21,
    "clock_ahead_s": 0.01,
}
REPLICA = {
    "id": FIRST,
    "world": "toy",
    "slots": 4,
    "draining": False,
    "level": 0,
    "capacity": {"period_ms": 50.0, "ticks_ms": {"1": 10.0, "4": 30.0}},
}
SECRET_AGE = {"now": "2026-12-01T12:00:00Z", "token_secret_written_at": "2026-11-01T12:00:00Z"}
SESSION = SeenService(
    name="session", url="http://h:8091", is_needed=True, ready=200, has_metrics=True
)
HEALTHY = Seen(
    services=(SESSION,),
    setup={"redis": REDIS, "ice_servers": [], "token_secret_chars": 40} | SECRET_AGE,
    status={"redis": {"used_bytes": 1, "budget_bytes": 10}},
    replicas=(REPLICA,),
    servers=(SeenServer(url="turn:h"),),
    gpus=("H100, 560.1",),
)


def with_redis(**changes: Any) -> Seen:
    return replace(HEALTHY, setup=HEALTHY.setup | {"redis": REDIS | changes})


def test_a_healthy_installation_gets_no_advice() -> None:
    findings = examine(HEALTHY)
    assert {finding.verdict for finding in findings} == {Health.GOOD}
    assert not any(finding.advice for finding in findings)
    subjects = [finding.subject for finding in findings]
    assert subjects == ["session", "redis", "redis", "secret", "turn", "replicas", "gpu"]


@pytest.mark.parametrize(
    ("seen", "verdict", "detail", "advice"),
    [
        (with_redis(eviction_policy="allkeys-lru"), "bad", "allkeys-lru", "noeviction"),
        (with_redis(persistence="none"), "doubtful", "persistence none", "appendonly yes"),
        (with_redis(persistence="unknown"), "doubtful", "unknown", "appendonly yes"),
        (with_redis(role="slave"), "bad", "slave", "primary"),
        (with_redis(maxmemory_bytes=0), "doubtful", "no maxmemory", "maxmemory"),
        (with_redis(clock_ahead_s=-70.0), "doubtful", "Redis is 70 s behind", "NTP"),
        (replace(HEALTHY, clock_ahead_s=9.0), "doubtful", "machine is 9 s ahead", "NTP"),
        (
            replace(HEALTHY, status={"redis": {"used_bytes": 9, "budget_bytes": 10}}),
            "doubtful",
            "90%",
            "REDIS_BUDGET_MB",
        ),
        (
            replace(HEALTHY, setup=HEALTHY.setup | {"token_secret_chars": 5}),
            "bad",
            "5 characters",
            "NEXTFRAME_TOKEN_SECRET",
        ),
        (
            replace(
                HEALTHY,
                setup=HEALTHY.setup | {"token_secret_written_at": "2025-11-01T12:00:00Z"},
            ),
            "doubtful",
            "395 days old",
            "once a year",
        ),
        (replace(HEALTHY, servers=()), "doubtful", "no STUN", "ICE_SERVERS"),
        (
            replace(HEALTHY, servers=(SeenServer(url="turn:h", error="timed out"),)),
            "bad",
            "turn:h: timed out",
            "firewall",
        ),
        (replace(HEALTHY, replicas=()), "bad", "none", "generation"),
        (
            replace(HEALTHY, replicas=(REPLICA | {"refusal": "no encoder"},)),
            "bad",
            "no encoder",
            "again",
        ),
        (
            replace(HEALTHY, replicas=(REPLICA | {"draining": True},)),
            "doubtful",
            "draining",
            "undrain",
        ),
        (
            replace(HEALTHY, replicas=(REPLICA | {"slots": 16},)),
            "doubtful",
            "16 slots, 240%",
            "MIN_SLOTS",
        ),
        (
            replace(HEALTHY, services=(replace(SESSION, ready=0),)),
            "bad",
            "no answer at http://h:8091",
            "--ops session=URL",
        ),
        (
            replace(HEALTHY, services=(replace(SESSION, ready=0, is_needed=False),)),
            "doubtful",
            "no answer",
            "--ops",
        ),
        (
            replace(HEALTHY, services=(replace(SESSION, ready=503, reason="redis is away"),)),
            "bad",
            "redis is away",
            "log",
        ),
        (
            replace(HEALTHY, services=(replace(SESSION, has_metrics=False),)),
            "bad",
            "no metrics",
            "port",
        ),
        (replace(HEALTHY, error="No answer from x"), "bad", "No answer", "--url"),
    ],
)
def test_each_fault_is_found_alone_and_says_what_to_do(
    seen: Seen, verdict: str, detail: str, advice: str
) -> None:
    [found] = [finding for finding in examine(seen) if finding.verdict is not Health.GOOD]
    assert found.verdict.value == verdict
    assert detail in found.detail and advice in found.advice


@contextmanager
def stun_server(*, answers: bool) -> Iterator[int]:
    """Repeats the transaction of a request, as STUN does; or another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))

        def serve() -> None:
            request, sender = udp.recvfrom(2048)
            kind, length, cookie = struct.unpack("!HHI", request[:8])
            assert (kind, length, cookie) == (1, 0, 0x2112A442) and len(request) == 20
            transaction = request[8:] if answers else bytes(12)
            udp.sendto(struct.pack("!HHI", 0x0101, 0, cookie) + transaction, sender)

        thread = Thread(target=serve)
        thread.start()
        yield int(udp.getsockname()[1])
        thread.join()


def test_a_turn_server_is_reached_over_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    with stun_server(answers=True) as port:
        assert probes.probe_server(f"turn:127.0.0.1:{port}?transport=udp").error == ""
    monkeypatch.setattr(probes, "PROBE_S", 0.2)
    with stun_server(answers=False) as port:
        assert "timed out" in probes.probe_server(f"stun:127.0.0.1:{port}").error


def test_a_turn_server_over_tcp_or_tls_accepts_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for url in (f"turns:127.0.0.1:{port}", f"turn:127.0.0.1:{port}?transport=tcp"):
            assert probes.probe_server(url).error == ""
    assert "refused" in probes.probe_server(f"turns:127.0.0.1:{port}").error


def test_a_port_without_a_service_is_seen_as_such() -> None:
    seen = probes.probe_service("ingest", f"http://127.0.0.1:{free_port()}")
    assert (seen.ready, seen.has_metrics, seen.is_needed) == (0, False, True)


@pytest.mark.redis
def test_the_doctor_examines_real_services(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ops, nobody = free_port(), free_port()
    shared = {"NEXTFRAME_REDIS_URL": redis_url, "NEXTFRAME_TOKEN_SECRET": "s" * 32}
    with service("session", **shared, OPERATOR_TOKEN=TOKEN, OPS_PORT=str(ops)) as (url, _):
        beat(redis_url, FIRST, used=0)
        shell = Shell(monkeypatch, capsys, url)
        answer = shell.run("doctor", "--ops", f"session=http://127.0.0.1:{ops}/")
        found = {tuple(row.split()[:2]) for row in lines(answer.out)[2:]}
        assert {("session", "good"), ("secret", "good"), ("replicas", "good")} <= found
        assert ("redis", "doubtful") in found  # the private Redis keeps nothing on disk
        assert answer.code == 0
        answer = shell.run("doctor", "--ops", f"ingest=http://127.0.0.1:{nobody}", "--json")
        assert (
            answer.code == doctor.SICK and f"no answer at http://127.0.0.1:{nobody}" in answer.out
        )
    answer = shell.run("doctor", "--ops", f"session=http://127.0.0.1:{ops}")
    assert answer.code == doctor.SICK and "operator" in answer.out
