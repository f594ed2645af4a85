"""The documentation site: `make docs`. Pages are the Markdown files of the tree; the reference is
made from docstrings, which are read and not imported. Nothing is fetched."""

import re

from sphinx.application import Sphinx

project = "Nextframe"
author = "the founding engineers of Nextframe"
extensions = ["myst_parser", "autoapi.extension"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = "Nextframe"
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autoapi_dirs = ["../model", "../services", "../training", "../loadtest"]
autoapi_root = "reference"
autoapi_options = ["members", "undoc-members", "show-module-summary"]
autoapi_python_class_content = "class"
autoapi_add_toctree_entry = False
autoapi_keep_files = False
suppress_warnings = [
    "autoapi.python_import_resolution",
    "docutils",  # docstrings are plain text; pydantic's own are inherited
    "ref.python",  # one name in several modules
    "myst.xref_missing",  # links to files of the tree
]


def as_plain_text(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Docstrings are plain text: `|g|`, `PREFIX_` and indented formulas are no markup. Changes
    `lines` in place, as Sphinx wants it."""
    plain: list[str] = []
    for line in lines:
        is_indented = line.startswith(" ")
        if plain and plain[-1] and line and plain[-1].startswith(" ") != is_indented:
            plain.append("")
        plain.append(re.sub(r"([|*]|_(?![a-zA-Z0-9]))", r"\\\1", line))
    lines[:] = plain


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", as_plain_text)
