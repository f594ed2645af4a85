"""The hostile drill in the short form, on all real services except Ray: every attack arrives and no
player's session ends. `make drill` on an idle machine measures frame rates."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.drills import hostile
from loadtest.drills.__main__ import judged
from loadtest.drills.plan import ATTACKER_ADDRESS, DrillPlan, Rates
from loadtest.drills.table import table
from loadtest.drills.verdict import arrivals
from tests.e2e.stack import ANY_PORTS, running_stack
from tests.model.conftest import make_world

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

PLAIN = (sys.executable, "-m", "tests.e2e.plain_generation")
# Rates that even a busy machine's attacker reaches in part, and bounds that they reach.
RATES = Rates(
    datagrams_per_s=100,
    silent_connections=60,
    connections_per_s=60,
    head_bytes=1 << 20,
    heads_per_s=1,
    actions_per_s=1000,  # half by each way: above what one player may send
    offers_per_s=6,
    creations_per_s=10,
)
PLAN = DrillPlan(seconds=6, players=1, rates=RATES)
FEW_CONNECTIONS = {
    f"NEXTFRAME_{service}_MAX_CONNECTIONS_PER_ADDRESS": "16" for service in ("SESSION", "INGEST")
}


def test_a_short_attack_arrives_and_ends_nobodys_session(tmp_path: Path) -> None:
    make_world("consistency").save(tmp_path / "world", card="tiny")
    options = replace(ANY_PORTS, worlds=(tmp_path / "world",))
    env = PLAN.environment | FEW_CONNECTIONS
    with running_stack(env, options, {"generation": PLAIN}) as stack:
        findings = asyncio.run(hostile.run(stack.page_url, PLAN))
    report = judged(findings, machine={})
    said = table(report)
    print(said)
    for what, found, _ in arrivals(findings):
        assert found > 0, f"{what}:\n{said}"
    [player] = findings.players
    assert player.address != ATTACKER_ADDRESS
    assert player.errors == (), said
    assert all(phase.fps > 0 for phase in player.phases), said
    assert not any(one.ended for one in findings.memory), said
    assert not [harm for harm in report.harm if "grew" in harm], said
    found = json.loads(report.to_json())
    assert (found["schema"], found["version"], found["drill"]) == ("nextframe.drill", 1, "hostile")
