"""Reads a service's counters from the metrics page (Prometheus text format)."""

import re
from collections.abc import Mapping

import httpx

LINE = re.compile(r"^(nextframe_\w+_total)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
NOT_OURS = "otel_"  # labels that the exporter adds
METRICS_TIMEOUT_S = 10.0


def read_counters(text: str) -> dict[str, float]:
    """Returns `name{label=value,...}` -> value, without the exporter's own labels and without
    `_total`."""
    found: dict[str, float] = {}
    for name, labels, value in LINE.findall(text):
        pairs = sorted(p for p in LABEL.findall(labels) if not p[0].startswith(NOT_OURS))
        inside = ",".join(f"{label}={said}" for label, said in pairs)
        key = name.removesuffix("_total") + (f"{{{inside}}}" if inside else "")
        found[key] = found.get(key, 0.0) + float(value)
    return found


async def fetch_counters(ops_urls: Mapping[str, str]) -> dict[str, float]:
    """Returns the counters of all services, each name prefixed with the service's name. Raises
    httpx.HTTPError."""
    found: dict[str, float] = {}
    async with httpx.AsyncClient(timeout=METRICS_TIMEOUT_S, trust_env=False) as http:
        for service, url in ops_urls.items():
            answer = (await http.get(f"{url}/metrics")).raise_for_status()
            counted = read_counters(answer.text)
            found |= {f"{service} {name}": value for name, value in counted.items()}
    return found


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Returns the increase of each counter; unchanged counters are left out."""
    gains = {name: value - before.get(name, 0.0) for name, value in after.items()}
    return {name: gain for name, gain in sorted(gains.items()) if gain > 0}


def total(counted: Mapping[str, float], name: str, **labels: str) -> float:
    """Returns the sum of all counters with this name and these labels."""
    wanted = [f"{label}={value}" for label, value in labels.items()]
    return sum(
        value
        for key, value in counted.items()
        if key.partition("{")[0] == name and all(one in key for one in wanted)
    )
