"""`python -m loadtest.drills`: runs a drill against a local stack: a hostile client, or a fault."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.drills import fault_drill, hostile, verdict
from loadtest.drills.fault_report import FaultReport
from loadtest.drills.faults import FAULTS
from loadtest.drills.plan import MAX_SECONDS, DrillPlan
from loadtest.drills.report import DrillReport, Findings
from loadtest.drills.service_processes import NoServicesError
from loadtest.drills.table import table
from loadtest.provenance import this_commit, this_machine
from loadtest.public_api import RefusedError
from loadtest.stack import StackError, local_stack

EXIT_HARM = 1
EXIT_NO_DRILL = 3  # it did not run, or did not attack
EXIT_STOPPED = 130
HOSTILE = "hostile"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m loadtest.drills",
        description="The drill `hostile`: players play, one hostile client attacks in every way at "
        "once from another address, players play on. Starts the local stack with the limits of "
        "production and writes a report. Any other drill breaks one thing under play: "
        + "; ".join(f"`{fault.name}`: {fault.what}" for fault in FAULTS.values()),
        epilog="Exit code 0: nobody was harmed. 1: a session ended, a frame rate fell by more than "
        "10 %, or a process grew by more than 32 MB. 2: bad arguments. 3: no stack, or too little "
        "of the attack arrived. 130: stopped.",
    )
    found.add_argument(
        "--drill", choices=(HOSTILE, *FAULTS), default=HOSTILE, help="what happens to the players"
    )
    found.add_argument(
        "--seconds", type=float, default=60, help=f"of each phase, 1 to {MAX_SECONDS:.0f}"
    )
    found.add_argument("--players", type=int, default=3, help="honest players, 1 to 8")
    found.add_argument(
        "--attacker-nice",
        type=int,
        default=0,
        help="let the attacker's process stand back for the others, 0 to 19: its processor time "
        "would be another machine's",
    )
    found.add_argument("--out", type=Path, default=Path("build/drill.json"), help="the report")
    return found


async def drill(plan: DrillPlan) -> DrillReport:
    machine = this_machine()
    print("starting the local stack", flush=True)
    async with local_stack(env=plan.environment) as page_url:
        findings = await hostile.run(page_url, plan)
    return judged(findings, machine)


async def break_under_play(plan: DrillPlan, name: str) -> FaultReport:
    machine, fault = this_machine(), FAULTS[name]
    print("starting the local stack", flush=True)
    async with local_stack(env=plan.environment) as page_url:
        findings = await fault_drill.run(page_url, plan, fault)
    return FaultReport(machine=machine, commit=this_commit(), fault=fault, findings=findings)


async def _run(plan: DrillPlan, name: str) -> DrillReport | FaultReport:
    return await (drill(plan) if name == HOSTILE else break_under_play(plan, name))


def judged(findings: Findings, machine: dict[str, object]) -> DrillReport:
    return DrillReport(
        machine=machine,
        commit=this_commit(),
        findings=findings,
        harm=verdict.harm(findings),
        missing=verdict.missing(findings),
    )


def exit_code(report: DrillReport) -> int:
    if report.missing:
        return EXIT_NO_DRILL
    return EXIT_HARM if report.harm else 0


def main(command_line: Sequence[str] | None = None) -> int:
    arguments = parser()
    args = arguments.parse_args(command_line)
    try:
        plan = DrillPlan(
            seconds=args.seconds, players=args.players, attacker_nice=args.attacker_nice
        )
    except ValueError as error:
        arguments.error(str(error))
    try:
        report = asyncio.run(_until_terminated(plan, args.drill))
    except (NoServicesError, RefusedError, StackError) as error:
        print(f"no drill: {error}", file=sys.stderr)
        return EXIT_NO_DRILL
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped before the end; no report", file=sys.stderr)
        return EXIT_STOPPED
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(report.to_json() + "\n")
    if isinstance(report, FaultReport):
        page = args.out.with_suffix(".html")
        page.write_text(report.to_page())
        print(f"wrote {args.out} and {page}\n\n{report.table()}")
        return EXIT_HARM if report.harm else 0
    print(f"wrote {args.out}\n\n{table(report)}")
    return exit_code(report)


async def _until_terminated(plan: DrillPlan, name: str) -> DrillReport | FaultReport:
    """SIGTERM unwinds like Ctrl-C, so that everything that was started here ends too."""
    running = asyncio.create_task(_run(plan, name))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


if __name__ == "__main__":
    sys.exit(main())
