"""Commands, paths, tree and links in the docs exist."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "ARCHITECTURE.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "model" / "README.md",
        ROOT / "services" / "README.md",
        ROOT / "training" / "README.md",
        ROOT / "loadtest" / "README.md",
        ROOT / "charts" / "nextframe" / "README.md",
    ]
}
EVERYTHING = "\n".join(PAGES.values())
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MODULES = sorted(
    set(re.findall(r"python -m ([\w.]+)", EVERYTHING + (ROOT / "Makefile").read_text()))
)


def blocks(heading: str) -> list[str]:
    """The code blocks below a heading of the README."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```\n(.*?)```", section, re.DOTALL)


def tree() -> list[str]:
    """Every path of the README's tree, from the root."""
    (block,) = blocks("The tree")
    paths, folder = [], ""
    for line in block.splitlines():
        names = re.findall(r"[\w/]+/(?=\s|$)", re.split(r" {3,}", line.strip())[0])
        if line.startswith(" "):
            paths += [folder + name for name in names]
        else:
            folder = names[0]
            paths.append(folder)
    return paths


def test_make_targets_in_the_pages_exist() -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", EVERYTHING, re.MULTILINE))
    assert {"play", "test"} <= named <= TARGETS


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_can_be_run_exists(module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None
    if found.submodule_search_locations:
        assert importlib.util.find_spec(f"{module}.__main__")


@pytest.mark.parametrize("path", tree())
def test_the_tree_is_true(path: str) -> None:
    assert (ROOT / path).is_dir()


def test_the_tree_leaves_no_folder_out() -> None:
    top_level = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("[a-z]*/*.py")}
    assert top_level <= {path.split("/")[0] for path in tree()}


# What runs write, and what only looks like a path.
ELSEWHERE = ("build/", "/", ".venv/", "recordings/", "ray.io/")


def mentioned_files(page: str) -> list[str]:
    """Paths in back-ticks for files and folders of the repository."""
    quoted = re.findall(r"`([\w./-]+/[\w./-]*)`", PAGES[page])
    return sorted({path for path in quoted if not path.startswith(ELSEWHERE)})


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_is_mentioned_exists(page: str) -> None:
    """Relative to the root, to the page, or to the packages model and services."""
    places = [ROOT, (ROOT / page).parent, *(ROOT / name for name in ("model", "services"))]
    for path in mentioned_files(page):
        assert any((place / path).exists() for place in places), path


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGES[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_overview_fits_on_three_screens() -> None:
    assert len(PAGES["ARCHITECTURE.md"].splitlines()) < 150


def test_the_readme_fits_on_two_screens() -> None:
    assert len(README.splitlines()) < 130
