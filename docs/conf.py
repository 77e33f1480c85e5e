"""How Sphinx builds the documentation: `sphinx-build -n -W -b html docs OUT`."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from sphinx.ext.autodoc import mock

from pipeline.cli.main import group

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "deblur-stream"
author = copyright = "the authors of deblur-stream"  # noqa: A001 - Sphinx's name
release = metadata.version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_heading_anchors = 3
smartquotes = False  # they would make one dash of the two that begin an option
default_role = "code"  # help texts of commands put names between single backticks

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False

# The libraries of the extras, without which some commands can't be imported. Only options and help texts are read from
# these commands, so stand-ins do where a library is missing; the documentation builds beside the default install.
EXTRAS = ("nncf", "onnx", "onnxscript", "pytorch_msssim", "safetensors", "skimage", "tensorboard", "torch")

with mock([name for name in EXTRAS if find_spec(name) is None]):
    context = click.Context(group)
    for command in group.list_commands(context):
        group.get_command(context, command)

nitpick_ignore_regex = [
    # Other projects: a build needs no network, so their inventories are not read.
    ("py:.*", r"(av|click|collections|fractions|nn|numpy|pathlib|threading|typing)\..*"),
    # Types that a module imports for annotations alone: autodoc sees their name without its module.
    ("py:(class|exc)", r"\w+"),
    # Docstrings also name what the reference leaves out.
    ("py:.*", r"(network|pipeline|trt)\..*"),
]


def keep_colon(_app: Sphinx, what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Puts a dash for the first colon of an attribute's docstring: napoleon takes what stands before it for a type."""
    if what in ("attribute", "data", "property") and lines:
        lines[0] = lines[0].replace(": ", " \N{EN DASH} ", 1)


def setup(app: Sphinx) -> None:
    """Adds :func:`keep_colon`, to be called before napoleon."""
    app.connect("autodoc-process-docstring", keep_colon, priority=400)
