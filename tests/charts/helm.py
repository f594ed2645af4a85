"""Renders the chart with the real Helm and searches the result."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "nextframe"
EXAMPLES = {path.stem: yaml.safe_load(path.read_text()) for path in (CHART / "ci").glob("*.yaml")}
RELEASE = "test"

Object = dict[str, Any]  # one Kubernetes object, as YAML gives it


class HelmError(Exception):
    """Helm refused the values; the message is Helm's."""


def helm(*args: str, stdin: str = "") -> str:
    program = shutil.which("helm", path=str(Path(sys.executable).parent)) or "helm"
    done = subprocess.run([program, *args], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


def render(values: Mapping[str, Any]) -> list[Object]:
    """Returns every object of the chart for `values`. Raises HelmError if Helm refuses `values`."""
    text = helm("template", RELEASE, str(CHART), "--values", "-", stdin=json.dumps(values))
    return [document for document in yaml.safe_load_all(text) if document]


def named(objects: list[Object], kind: str, component: str) -> Object:
    """Returns the object of this kind and component: ("Deployment", "ingest")."""
    found = [
        o
        for o in objects
        if o["kind"] == kind and o["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    assert len(found) == 1, f"{len(found)} objects {kind} of {component}"
    return found[0]


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yields (place, pod spec) for every pod of the objects."""
    for o in objects:
        name = f"{o['kind']}/{o['metadata']['name']}"
        if o["kind"] in ("Deployment", "StatefulSet"):
            yield name, o["spec"]["template"]["spec"]
        elif o["kind"] == "RayService":
            cluster = o["spec"]["rayClusterConfig"]
            yield f"{name}/head", cluster["headGroupSpec"]["template"]["spec"]
            for group in cluster["workerGroupSpecs"]:
                yield f"{name}/{group['groupName']}", group["template"]["spec"]


def only_container(pod: Object) -> Object:
    (container,) = pod["containers"]
    return dict(container)


def env(pod: Object) -> dict[str, Any]:
    """Returns variable -> value or source."""
    variables = only_container(pod)["env"]
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in variables}
