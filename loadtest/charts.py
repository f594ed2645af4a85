"""The report's charts as hand-written SVG; colours are the page's CSS variables."""

from collections.abc import Sequence

from loadtest.figures import STAGES
from loadtest.ramp import Ramp
from loadtest.report import Player, Report
from loadtest.slo import Attainment

WIDTH, LEFT, RIGHT = 720, 90, 16  # of every chart, in SVG units
ROW, BAR = 22, 14  # height of a player's row and of the bar in it
CDF_HEIGHT = 260
AXIS = 24


def fps_chart(report: Report) -> str:
    own_fps = 1000 / report.period_ms
    top = max([own_fps, *(p.pace.fps for p in report.users if p.pace)]) * 1.05
    rows = []
    for i, player in enumerate(report.users):
        y = i * ROW
        rows.append(_row_label(player, y))
        if player.pace:
            rows.append(_bar(0, player.pace.fps, top, y, "--mark", f"{player.pace.fps:.2f} fps"))
            x = _x(player.pace.low_fps, top)
            rows.append(
                f'<rect x="{x - 1:.1f}" y="{y + 2}" width="3" height="{ROW - 4}" fill="var(--low)">'
                f"<title>1 % low {player.pace.low_fps:.1f} fps</title></rect>"
            )
    height = len(report.users) * ROW
    x = _x(own_fps, top)
    rows.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="var(--soft)" '
        'stroke-dasharray="4 3"/>'
    )
    return _chart("fps of each player", height, top, "fps", rows)


def cdf_chart(report: Report) -> str:
    every = report.summary.cdf_ms
    if not every:
        return "<p>No action was answered.</p>"
    top = max(player.cdf_ms[99] for player in report.users if player.cdf_ms) * 1.05
    curves = [_curve(p.cdf_ms, top, "opacity:.45", 1) for p in report.users if p.cdf_ms]
    curves.append(_curve(every, top, "", 2.5))
    for percent in (50, 95):
        y = CDF_HEIGHT * (1 - percent / 100)
        curves.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="var(--line)" stroke-dasharray="2 4"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
        )
    return _chart("share of actions answered by time", CDF_HEIGHT, top, "ms", curves)


def _curve(cdf_ms: Sequence[float], top: float, style: str, width: float) -> str:
    points = " ".join(
        f"{_x(min(value, top), top):.1f},{CDF_HEIGHT * (1 - percent / 100):.1f}"
        for percent, value in enumerate(cdf_ms)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="var(--mark)" '
        f'stroke-width="{width}" style="{style}"/>'
    )


def stage_chart(report: Report) -> str:
    totals = [p.action_to_photon_ms.mean for p in report.users if p.action_to_photon_ms]
    if not totals:
        return "<p>No action was answered.</p>"
    top = max(totals) * 1.05
    rows = []
    for i, player in enumerate(report.users):
        rows.append(_row_label(player, i * ROW))
        start = 0.0
        for stage in STAGES:
            if stage not in player.stage_ms:
                continue
            length = max(0.0, player.stage_ms[stage].mean)
            label = f"{stage} {player.stage_ms[stage].mean:.1f} ms"
            rows.append(_bar(start, length, top, i * ROW, f"--{stage}", label))
            start += length
    return _chart("mean stage times", len(report.users) * ROW, top, "ms", rows)


def ramp_chart(found: Ramp) -> str:
    """A bar for each number of players: the frame rate of the worst one."""
    top = max([step.fps or 0.0 for step in found.steps], default=1.0) * 1.05 or 1.0
    rows = []
    for i, step in enumerate(found.steps):
        y = i * ROW
        rows.append(
            f'<text x="{LEFT - 8}" y="{y + ROW / 2 + 4}" text-anchor="end">{step.players}</text>'
        )
        colour = "--mark" if step.outcome is Attainment.PASS else "--low"
        rows.append(_bar(0, step.fps or 0.0, top, y, colour, f"{step.fps or 0.0:.2f} fps"))
    return _chart("fps of the worst player", len(found.steps) * ROW, top, "fps", rows)


def _row_label(player: Player, y: float) -> str:
    kind = " full" if player.is_full else ""
    return (
        f'<text x="{LEFT - 8}" y="{y + ROW / 2 + 4}" text-anchor="end">'
        f"player {player.player}{kind}</text>"
    )


def _bar(start: float, length: float, top: float, y: float, colour: str, label: str) -> str:
    x, end = _x(start, top), _x(start + length, top)
    return (
        f'<rect x="{x:.1f}" y="{y + (ROW - BAR) / 2}" width="{end - x:.1f}" height="{BAR}" '
        f'fill="var({colour})"><title>{label}</title></rect>'
    )


def _x(value: float, top: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / top


def _chart(label: str, height: float, top: float, unit: str, marks: Sequence[str]) -> str:
    """Marks above an axis from 0 to `top`."""
    step = _tick_step(top)
    ticks = []
    for i in range(int(top / step) + 1):
        x = _x(i * step, top)
        ticks.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="var(--line)"/>'
            f'<text x="{x:.1f}" y="{height + 16}" text-anchor="middle">{i * step:g}</text>'
        )
    unit_text = f'<text x="{WIDTH}" y="{height + 16}" text-anchor="end">{unit}</text>'
    inside = "".join([*ticks, unit_text, *marks])
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + AXIS}" role="img" aria-label="{label}">{inside}</svg>'
    )


def _tick_step(top: float) -> float:
    """The smallest of 1, 2, 5, 10, 20 ... that needs at most ten ticks."""
    step = 1.0
    for factor in (2, 2.5, 2) * 4:
        if top / step <= 10:
            break
        step *= factor
    return step
