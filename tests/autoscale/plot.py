"""Draws a run: sessions, advertised slots and replicas over time, as SVG by hand."""

from collections.abc import Callable, Sequence

from tests.autoscale.fake_players import Sample

WIDTH, LEFT, RIGHT, TOP = 760, 44, 16, 34
PANEL, GAP, AXIS = 130, 34, 34  # heights
Line = tuple[str, str, Callable[[Sample], int]]  # label, colour, figure

PANELS: tuple[tuple[Line, ...], ...] = (
    (
        ("advertised slots", "#8c8c8c", lambda s: s.slots),
        ("live sessions", "#1f6feb", lambda s: s.live),
        ("waiting sessions", "#d1600a", lambda s: s.waiting),
    ),
    (
        ("replicas", "#2a7f43", lambda s: s.replicas),
        ("draining", "#b3261e", lambda s: s.draining),
    ),
)


def plot(samples: Sequence[Sample]) -> str:
    height = TOP + len(PANELS) * (PANEL + GAP) + AXIS - GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, lines in enumerate(PANELS):
        parts += _panel(samples, lines, TOP + number * (PANEL + GAP))
    parts += _time_axis(samples[-1].at_s, height - AXIS)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(samples: Sequence[Sample], lines: Sequence[Line], top: int) -> list[str]:
    most = max(1, *(figure(sample) for _, _, figure in lines for sample in samples))
    parts = []
    for value in range(most + 1):
        y = top + PANEL * (1 - value / most)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
        )
    for number, (label, colour, figure) in enumerate(lines):
        points: list[str] = []
        y = 0.0
        for sample in samples:  # steps: a figure holds until the next sample
            x = _x(sample.at_s, samples[-1].at_s)
            points += [f"{x:.1f},{y:.1f}"] if points else []
            y = top + PANEL * (1 - figure(sample) / most)
            points.append(f"{x:.1f},{y:.1f}")
        parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="{4 - number}"/>'
            f'<text x="{LEFT + number * 170}" y="{top - 10}" fill="{colour}">{label}</text>'
        )
    return parts


def _time_axis(last_s: float, top: int) -> list[str]:
    step_s = next(step for step in (5, 10, 20, 30, 60, 120, 300) if last_s / step <= 12)
    return [
        f'<text x="{_x(at_s, last_s):.1f}" y="{top + 20}" text-anchor="middle">{at_s} s</text>'
        for at_s in range(0, int(last_s) + 1, step_s)
    ]


def _x(at_s: float, last_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at_s / last_s
