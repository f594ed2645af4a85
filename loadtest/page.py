"""The report as one self-contained HTML file, in light and dark."""

from html import escape

from loadtest.charts import cdf_chart, fps_chart, ramp_chart, stage_chart
from loadtest.figures import STAGES
from loadtest.provenance import this_commit, this_machine
from loadtest.ramp import Ramp
from loadtest.report import Report
from loadtest.slo import SloVerdict
from loadtest.table import table, verdict_lines

STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #6b7484; --line: #d9dee6;
  --ground: #fbfcfe; --mark: #2f6fde; --low: #c2410c;
  --network: #64748b; --queue: #d97706; --denoise: #2f6fde; --decode: #7c5cdb;
  --encode: #0f9f8f; --hop: #d0558f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #98a2b3; --line: #2c3442;
  --ground: #11151c; --mark: #6ea2ff; --low: #fb923c;
  --network: #94a3b8; --queue: #fbbf24; --denoise: #6ea2ff; --decode: #a78bfa;
  --encode: #2dd4bf; --hop: #f08bb8; } }
body { margin: 2.5rem auto; max-width: 58rem; padding: 0 1rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1rem; margin: 2.2rem 0 .3rem; }
p { margin: 0 0 .5rem; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0; }
.tiles div { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.tiles b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .8rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; font-size: 12px; border: 1px solid var(--line); border-radius: 8px;
  padding: .8rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); }
ul { margin: 0 0 .5rem; padding-left: 1.2rem; color: var(--soft); }
i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin: 0 .3em 0 .8em; }
"""


def page(report: Report) -> str:
    scenario = report.scenario
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Nextframe load test: {_players(scenario.users)}</title><style>{STYLE}</style></head><body>
<h1>{_players(scenario.users)} for {scenario.seconds:g} s in <em>{escape(report.world)}</em></h1>
<p>commit {escape(report.commit)} · {escape(str(report.machine["cpu"]))},
{report.machine["num_cores"]} cores, load {report.machine["load_1m"]} before
· scenario seed {scenario.seed}</p>
{_tiles(report)}
{_verdict(report.verdict)}
<h2>Frames per second</h2>
<p>Bar: mean. <i style="background:var(--low)"></i>mark: the slowest 1 % of gaps.
Dashed: the world's own rate.</p>
{fps_chart(report)}
<h2>Action to photon</h2>
<p>Share of actions answered within so many milliseconds; thin: each player, thick: all.</p>
{cdf_chart(report)}
<h2>Where the time goes</h2>
<p>Mean per action in milliseconds.{_legend()}</p>
{stage_chart(report)}
<h2>All figures</h2>
<pre>{escape(table(report))}</pre>
</body></html>
"""


def ramp_page(found: Ramp) -> str:
    """The curve of a ramp, with each step's broken promises."""
    bound = "" if found.is_bounded else " or more"
    rows = "".join(
        f"<tr><td>{step.players}</td><td>{step.outcome.value}</td><td>{step.attained:.0%}</td>"
        f"<td>{escape('; '.join(step.reasons[:3])) or 'all promises kept'}</td></tr>"
        for step in found.steps
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Nextframe ramp: {_players(found.players)}{bound}</title><style>{STYLE}</style></head><body>
<h1>This service carries {_players(found.players)}{bound}</h1>
<p>{escape(this_commit())} · {escape(str(this_machine()["cpu"]))}</p>
<h2>The worst player by number of players</h2>
<p>Frames per second; <i style="background:var(--low)"></i>where a promise was broken.</p>
{ramp_chart(found)}
<h2>Steps</h2>
<table><tr><th>players</th><th>verdict</th><th>attained</th><th>why</th></tr>{rows}</table>
</body></html>
"""


def _verdict(verdict: SloVerdict) -> str:
    head, *reasons = verdict_lines(verdict)
    items = "".join(f"<li>{escape(reason.strip())}</li>" for reason in reasons)
    return f"<p><b>{escape(head)}</b></p><ul>{items}</ul>"


def _players(num: int) -> str:
    return "1 player" if num == 1 else f"{num} players"


def _tiles(report: Report) -> str:
    summary, over = report.summary, report.summary.over_players
    tiles = [("players with frames", f"{summary.num_players_with_frames} of {len(report.users)}")]
    for label, name, form in (
        ("fps, worst player", "fps", "{:.2f}"),
        ("late frames, worst player", "late_share", "{:.2%}"),
        ("action to photon p95, worst player", "action_to_photon_p95_ms", "{:.0f} ms"),
    ):
        tiles.append((label, form.format(over[name].worst) if name in over else "none"))
    cells = (f"<div><b>{escape(value)}</b><span>{label}</span></div>" for label, value in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _legend() -> str:
    return "".join(f'<i style="background:var(--{stage})"></i>{stage}' for stage in STAGES)
