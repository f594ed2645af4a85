"""`python -m loadtest`: headless players against a running service, or against a stack started for
the test."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from loadtest.bot import Bot
from loadtest.figures import distribution
from loadtest.page import page, ramp_page
from loadtest.provenance import this_commit, this_machine
from loadtest.public_api import ListedWorld, PublicApi, RefusedError, check_target
from loadtest.ramp import Ramp, ramp
from loadtest.report import SCHEMA, VERSION, Overhead, Report, player_figures, summarise
from loadtest.rtc_hooks import gather_loopback_only
from loadtest.scenario import MAX_SECONDS, MAX_USERS, Scenario, names
from loadtest.scripted_input import PROFILES
from loadtest.slo import EXIT_CODES, Attainment, ServiceLevelObjective, SloVerdict, judge
from loadtest.stack import StackError, local_stack
from loadtest.table import table

LAG_EVERY_S = 0.05
BETWEEN_STEPS_S = 3.0  # of a ramp: sessions end, and their slots become free
DEFAULT = Path()  # of --slo: the default objective


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Headless players through the public API: fps, freezes, action-to-photon. "
        "Writes report.json and report.html. Exit code 1 when nobody got a frame; with --slo or "
        "--ramp 0 pass, 1 fail, 3 no verdict.",
    )
    found.add_argument(
        "--scenario",
        default="steady",
        metavar="NAME",
        help=f"{', '.join(names())}, or a TOML file; the options below change its numbers",
    )
    found.add_argument("--users", type=int, help=f"players, 1 to {MAX_USERS}")
    found.add_argument("--seconds", type=float, help=f"all together, 1 to {MAX_SECONDS:.0f}")
    found.add_argument("--seed", type=int, help="same seed, same arrivals and input")
    found.add_argument("--stagger", type=float, help="mean seconds between two arrivals")
    found.add_argument("--input", help=f"how they play: {', '.join(sorted(PROFILES))}")
    found.add_argument("--change-rate", type=float, help="how many times faster the action changes")
    found.add_argument(
        "--full-every",
        type=int,
        help="every n-th player decodes the video, the others only take packets; 0: nobody",
    )
    found.add_argument("--url", help="the page's address; without it the local stack is started")
    found.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --url and what it hands out be other machines. Off by default: dozens of "
        "players are an attack on a service that did not ask for them, so load only what is yours",
    )
    found.add_argument(
        "--slo",
        nargs="?",
        type=Path,
        const=DEFAULT,
        metavar="FILE",
        help="let the exit code follow the verdict: 0 pass, 1 fail, 3 none. FILE: TOML with other "
        "numbers than the default",
    )
    found.add_argument(
        "--ramp",
        action="store_true",
        help="find how many players, up to --users, the service carries; --seconds for each step",
    )
    found.add_argument("--out", type=Path, default=Path("build/loadtest"), help="report folder")
    return found


async def run(
    args: argparse.Namespace, scenario: Scenario, objective: ServiceLevelObjective
) -> Report | Ramp:
    """The report of one load test, or the ramp of several."""
    async with AsyncExitStack() as stack:
        url = args.url
        if url is None:
            print("starting the local stack", flush=True)
            url = await stack.enter_async_context(local_stack())
        if not args.allow_remote:
            gather_loopback_only()
        api = PublicApi(url, allow_remote=args.allow_remote)
        stack.push_async_callback(api.close)
        await api.open_page()
        worlds = await api.worlds()
        if not worlds:
            raise RefusedError("no world is on offer; is generation up?")
        print(
            f"players: {scenario.users} for {scenario.seconds:g} s in {worlds[0].name} at {url}",
            flush=True,
        )
        if not args.ramp:
            return await load(scenario, worlds[0], api, objective)

        async def play(users: int) -> tuple[Report, SloVerdict]:
            report = await load(replace(scenario, users=users), worlds[0], api, objective)
            await asyncio.sleep(BETWEEN_STEPS_S)
            return report, report.verdict

        return await ramp(play, most=scenario.users)


async def load(
    scenario: Scenario,
    world: ListedWorld,
    api: PublicApi,
    objective: ServiceLevelObjective = ServiceLevelObjective(),  # noqa: B008  # frozen
) -> Report:
    """Starts all players in turn; each leaves when the scenario says so."""
    bots = [
        Bot(player=player, scenario=scenario, world=world, api=api)
        for player in range(scenario.users)
    ]
    machine = this_machine()
    started_at, cpu_before = time.monotonic(), time.process_time()
    lag_ms: list[float] = []
    watching = asyncio.create_task(_watch_lag(lag_ms))
    async with asyncio.TaskGroup() as tasks:
        for player, bot in enumerate(bots):
            until = started_at + scenario.departure_s(player)
            tasks.create_task(_arrive(bot, started_at + scenario.arrival_s(player), until))
    watching.cancel()
    period_s = 1 / world.fps
    logs = [bot.log for bot in bots]
    users = tuple(player_figures(log, period_s=period_s) for log in logs)
    overhead = Overhead(
        loop_lag_ms=distribution(lag_ms),
        cpu_share=(time.process_time() - cpu_before) / (time.monotonic() - started_at),
    )
    return Report(
        schema=SCHEMA,
        version=VERSION,
        machine=machine,
        commit=this_commit(),
        scenario=scenario,
        world=world.name,
        period_ms=1000 * period_s,
        users=users,
        summary=summarise(users, logs),
        overhead=overhead,
        verdict=judge(users, overhead, objective),
    )


async def _arrive(bot: Bot, at: float, until: float) -> None:
    await asyncio.sleep(at - time.monotonic())
    await bot.play(until=until)


async def _watch_lag(lag_ms: list[float]) -> None:
    """How late this event loop is: what the players here cannot tell from a late service."""
    while True:
        due = time.monotonic() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        lag_ms.append(1000 * (time.monotonic() - due))


def write(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.to_json() + "\n")
    (folder / "report.html").write_text(page(report))


def main(command_line: Sequence[str] | None = None) -> int:
    arguments = parser()
    args = arguments.parse_args(command_line)
    try:
        scenario = _scenario(args)
        if args.url is not None:
            check_target(args.url, allow_remote=args.allow_remote)
        has_file = args.slo not in (None, DEFAULT)
        objective = ServiceLevelObjective.read(args.slo) if has_file else ServiceLevelObjective()
    except (ValueError, OSError) as error:
        arguments.error(str(error))
    try:
        found = asyncio.run(_until_terminated(args, scenario, objective))
    except (RefusedError, StackError) as error:
        print(f"no load test: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped before the end; no report", file=sys.stderr)
        return 130
    if isinstance(found, Ramp):
        return _finish_ramp(found, args.out)
    write(found, args.out)
    print(f"wrote {args.out / 'report.json'} and {args.out / 'report.html'}\n")
    print(table(found))
    if args.slo is not None:
        return EXIT_CODES[found.verdict.outcome]
    return 0 if found.summary.num_players_with_frames else 1


def _scenario(args: argparse.Namespace) -> Scenario:
    """Raises ValueError."""
    given = {
        "users": args.users,
        "seconds": args.seconds,
        "seed": args.seed,
        "stagger_s": args.stagger,
        "full_every": args.full_every,
        "input_profile": args.input,
        "change_rate": args.change_rate,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    return replace(Scenario.read(args.scenario), **changed)


def _finish_ramp(found: Ramp, folder: Path) -> int:
    path = found.write(folder, machine=this_machine(), commit=this_commit())
    (folder / "ramp.html").write_text(ramp_page(found))
    print(f"wrote {path} and {folder / 'ramp.html'}")
    if any(step.outcome is Attainment.NONE for step in found.steps):
        print(f"at least {found.players} players; no verdict beyond: the load test itself was late")
        return EXIT_CODES[Attainment.NONE]
    print(f"{found.players}{'' if found.is_bounded else ' or more'} players")
    return EXIT_CODES[Attainment.PASS if found.players else Attainment.FAIL]


async def _until_terminated(
    args: argparse.Namespace, scenario: Scenario, objective: ServiceLevelObjective
) -> Report | Ramp:
    """SIGTERM unwinds like Ctrl-C, so that a stack that was started here ends too."""
    running = asyncio.create_task(run(args, scenario, objective))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


if __name__ == "__main__":
    sys.exit(main())
