"""The Helm chart under each of its example values: one digest for each Kubernetes object."""

import json
from hashlib import sha256

from tests.charts.helm import EXAMPLES, Object, render
from tests.unchanged.comparison import Recording


def record() -> Recording:
    return {
        f"{example}/{o['kind']}/{o['metadata']['name']}": _contents(o)
        for example, values in EXAMPLES.items()
        for o in render(values)
    }


def _contents(o: Object) -> object:
    """A ConfigMap's files one by one, since a dashboard has texts for people; of a Secret the keys
    only, since the chart draws random values."""
    if o["kind"] == "Secret":
        return sorted(o.get("data") or o.get("stringData") or {})
    if o["kind"] == "ConfigMap":
        return {name: _digest(text) for name, text in o["data"].items()}
    return _digest(o)


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
