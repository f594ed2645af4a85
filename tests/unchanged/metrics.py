"""Names, kinds, units, descriptions and label names of all metrics, read from syntax trees.

A running service shows only what it has counted so far; the code names all there is.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.unchanged.comparison import Recording

SERVICES = Path(__file__).parents[2] / "services"
Instruments = dict[str, str]  # a variable of one module: the metric's name


def record() -> Recording:
    trees = {path: ast.parse(path.read_text()) for path in sorted(SERVICES.rglob("*.py"))}
    found: Recording = {}
    made: dict[str, Instruments] = {}
    for path, tree in trees.items():
        made[_module(path)] = {}
        for variable, call in _instruments(tree):
            name, described = _described(call, tree)
            made[_module(path)][variable] = name
            found[name] = {**described, "labels": []}
    for path, tree in trees.items():
        known = made[_module(path)] | _imported(tree, made)
        for name, labels in _observations(tree, known):
            found[name]["labels"] = sorted({*found[name]["labels"], *labels})
    return found


def _module(path: Path) -> str:
    return ".".join(("services", *path.relative_to(SERVICES).with_suffix("").parts))


def _instruments(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=variable)], value=ast.Call() as call):
                function = call.func
                if ast.unparse(function).startswith("meter.create_"):
                    yield variable, call


def _described(call: ast.Call, tree: ast.Module) -> tuple[str, dict[str, str]]:
    """Arguments as written; a constant of the module as its value."""
    assert isinstance(call.func, ast.Attribute)
    constants = {
        ast.unparse(node.targets[0]): node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    given = {
        keyword.arg or "": ast.unparse(constants.get(ast.unparse(keyword.value), keyword.value))
        for keyword in call.keywords
    }
    name = str(ast.literal_eval(call.args[0]))
    return name, {"kind": call.func.attr, **given}


def _imported(tree: ast.AST, made: dict[str, Instruments]) -> Instruments:
    return {
        alias.asname or alias.name: made[node.module][alias.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in made
        for alias in node.names
        if alias.name in made[node.module]
    }


def _observations(tree: ast.AST, known: Instruments) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=variable)), args=[_, labels]):
                if variable in known:
                    yield known[variable], _label_names(tree, labels)


def _label_names(tree: ast.AST, labels: ast.expr) -> set[str]:
    """Keys of the dict that is given, that the variable holds or that the function returns."""
    match labels:
        case ast.Dict(keys=keys):
            return {str(ast.literal_eval(key)) for key in keys if key is not None}
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            return {key for value in _values_of(tree, name) for key in _label_names(tree, value)}
    return set()


def _values_of(tree: ast.AST, name: str) -> Iterator[ast.Dict]:
    """Every dict that is assigned to the name in this module, or returned by a function of it."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if name in map(ast.unparse, targets):
                yield from (part for part in ast.walk(value) if isinstance(part, ast.Dict))
            case ast.FunctionDef(name=function) if function == name:
                yield from (part for part in ast.walk(node) if isinstance(part, ast.Dict))
