"""Counts pronouns and pointing words in public docstrings: `python -m tests.word_count`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("model", "services", "training", "loadtest", "tests")
# A word that points at another noun instead of the noun itself.
POINTING = re.compile(
    r"its?|itself|they|them|theirs?|themselves|he|him|his|himself|she|her|herself"
    r"|who|whom|whose|that|this|these|those|there|so|such|ones?"
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Count:
    """Words of one folder's docstrings."""

    docstrings: int = 0
    words: int = 0
    pointing: int = 0

    @property
    def per_hundred(self) -> float:
        """Pointing words per 100 words."""
        return 100 * self.pointing / max(self.words, 1)

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.docstrings + other.docstrings,
            self.words + other.words,
            self.pointing + other.pointing,
        )


def python_files() -> list[Path]:
    """Every Python file of the project, relative to the root."""
    return sorted(path.relative_to(ROOT) for top in FOLDERS for path in (ROOT / top).rglob("*.py"))


def folder_of(path: Path) -> str:
    """The folder that a file counts for: `services/ingest`, `loadtest`, `tests`."""
    return "/".join(path.parts[: 1 if path.parts[0] == "loadtest" else 2 if path.parts[2:] else 1])


def public_docstrings(node: ast.AST) -> Iterator[str]:
    """Docstrings of a module, its public classes and functions, and their public methods."""
    if isinstance(node, ast.Module | Definition) and (text := ast.get_docstring(node)):
        yield text
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, Definition) and not child.name.startswith("_"):
                yield from public_docstrings(child)


def count(text: str) -> Count:
    """The words of one docstring; code between backticks does not count."""
    words = re.findall(r"[a-z]+", re.sub(r"`[^`]*`", " ", text).lower())
    return Count(1, len(words), sum(bool(POINTING.fullmatch(word)) for word in words))


def counts_by_folder() -> dict[str, Count]:
    """Folder -> the count of all its public docstrings."""
    counts: dict[str, Count] = {}
    for path in python_files():
        folder = folder_of(path)
        for text in public_docstrings(ast.parse((ROOT / path).read_text())):
            counts[folder] = counts.get(folder, Count()) + count(text)
    return counts


if __name__ == "__main__":
    for folder, total in sorted(counts_by_folder().items()):
        print(f"{folder:28}{total.docstrings:6}{total.words:8}{total.per_hundred:7.1f}")
