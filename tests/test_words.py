"""One vocabulary: no forbidden word, one home per class name, docstrings that name the thing.

`tests/words.py` has the tables; a finished rename adds one line.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.word_count import FOLDERS, ROOT, count, counts_by_folder, python_files
from tests.words import AIM, ALLOWED, CEILINGS, FORBIDDEN, NOT_YET, SEVERAL_HOMES, Forbidden

# Names that a script declares; a name that is only used belongs to a browser or a library.
DECLARED_IN_JS = re.compile(r"(?:const|let|function\*?|class)\s+(\w+)")


def words_of(name: str) -> list[str]:
    """The words of an identifier in snake_case or CamelCase, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def declared(tree: ast.AST) -> Iterator[str]:
    """Yields every name defined by a Python file, except `test_` functions, whose names are
    sentences."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("test_"):
                    yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield name


def names_of(path: Path, text: str) -> set[str]:
    """Returns the parts of the file's path and the names declared in the file."""
    inside = declared(ast.parse(text)) if path.suffix == ".py" else DECLARED_IN_JS.findall(text)
    return {*path.parts[:-1], path.stem, *inside}


def contains(name: str, word: str) -> bool:
    """Whether the words of `word`, or their plural, stand next to each other in `name`."""
    ours, theirs = words_of(name), word.split("_")
    spans = (ours[at : at + len(theirs)] for at in range(len(ours) - len(theirs) + 1))
    return any(
        span[:-1] == theirs[:-1] and span[-1] in (theirs[-1], theirs[-1] + "s") for span in spans
    )


def breaches(path: Path, text: str) -> list[str]:
    """Returns one sentence per breach of `FORBIDDEN` in a file."""
    here = path.as_posix()
    rules = [rule for rule in FORBIDDEN if here.startswith(rule.within)]
    return [
        f"{here}: `{name}` contains `{rule.word}`; use {rule.instead}, or add it to ALLOWED"
        for name in sorted(names_of(path, text))
        for rule in rules
        if contains(name, rule.word) and (rule.word, name) not in ALLOWED
    ]


def files() -> dict[Path, str]:
    """Path -> text of every Python file and page script."""
    scripts = (path.relative_to(ROOT) for top in FOLDERS for path in (ROOT / top).rglob("*.js"))
    return {path: (ROOT / path).read_text() for path in [*python_files(), *scripts]}


FILES = files()


def test_no_name_contains_a_forbidden_word() -> None:
    assert [breach for path, text in FILES.items() for breach in breaches(path, text)] == []


@pytest.mark.parametrize("rule", FORBIDDEN, ids=lambda rule: rule.word)
def test_a_planted_word_is_found(rule: Forbidden) -> None:
    path = Path(rule.within[0] or "model", "planted.py")
    camel = "".join(word.capitalize() for word in rule.word.split("_"))
    assert breaches(path, f"def keep_{rule.word}() -> None: ...")
    assert breaches(path, f"class New{camel}s: ...")
    assert breaches(path, f"def f(x):\n    x.old_{rule.word} = 1")
    assert breaches(path.with_suffix(".js"), f"const my{camel} = 1;")
    assert breaches(Path(rule.within[0] or "model", f"old_{rule.word}", "file.py"), "")


def test_every_allowed_use_is_still_there() -> None:
    found = {name for path, text in FILES.items() for name in names_of(path, text)}
    assert {key for key in ALLOWED if key[1] not in found} == set()


def homes_of_classes() -> dict[str, set[str]]:
    """Public class name -> the files that define the class."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path, text in FILES.items():
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].add(path.as_posix())
    return homes


def test_a_class_name_has_one_home() -> None:
    several = {name: homes for name, homes in homes_of_classes().items() if len(homes) > 1}
    assert {n: h for n, h in several.items() if n not in NOT_YET | SEVERAL_HOMES.keys()} == {}


COUNTS = counts_by_folder()


@pytest.mark.parametrize("folder", sorted(COUNTS))
def test_docstrings_name_the_thing(folder: str) -> None:
    """`python -m tests.word_count` prints the numbers of all folders."""
    assert COUNTS[folder].per_hundred < CEILINGS.get(folder, AIM)


def test_the_counter_counts_words_that_point() -> None:
    counted = count("It is the frame that `this()` returned to those who asked.")
    assert (counted.words, counted.pointing) == (10, 4)
