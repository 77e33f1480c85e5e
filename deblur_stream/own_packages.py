"""Tells whether ``pipeline``, ``network`` and ``trt`` are this program's packages or other modules of the same name.

Other people use these names too. Python takes the first module of a name that it finds: one in the working directory,
for example, or in a folder on ``PYTHONPATH``. The check looks modules up and imports none, so that it costs next to
nothing.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

OWN_PACKAGES = ("pipeline", "network", "trt")
"""Top-level names that the distribution takes, besides ``deblur_stream``."""

_FOLDER = Path(__file__).resolve().parent.parent
"""Folder that holds all packages of this program: ``site-packages``, or the source tree of an editable install."""


class HiddenPackageError(ImportError):
    """Another module of the same name hides a package of this program. The message is one line for the user."""


def check_own_packages() -> None:
    """Makes sure that importing each of :data:`OWN_PACKAGES` gives this program's own.

    A mere folder of such a name does not hide a package in ``site-packages``. It does hide one of an editable install,
    which setuptools finds by an import hook that comes last. There the source tree is added to the end of ``sys.path``.

    Raises:
        HiddenPackageError: If another module hides one.
    """
    for name in OWN_PACKAGES:
        found = _found(name)
        if found is None and str(_FOLDER) not in sys.path:
            sys.path.append(str(_FOLDER))
            found = _found(name)
        own = _FOLDER / name / "__init__.py"
        if found is None:
            raise HiddenPackageError(f"{own} is missing or can't be found; install deblur-stream again")
        if found.resolve().parent != own.parent.resolve():
            raise HiddenPackageError(f"{found} hides this program's own {own}; {_remedy(name, found)}")


def _found(name: str) -> Path | None:
    """File of the module that ``import name`` would run; None where there is none, or a mere folder."""
    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _remedy(name: str, found: Path) -> str:
    """What to do about a module at ``found`` that hides the package ``name``."""
    from importlib.metadata import packages_distributions

    others = sorted(set(packages_distributions().get(name, [])) - {"deblur-stream"})
    if others:
        return f"it is of {' and '.join(others)}: install deblur-stream in a virtual environment of its own"
    folder = (found.parent.parent if found.stem == "__init__" else found.parent).resolve()
    given = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if folder == Path.cwd() and folder not in given:
        return f"rename it, or run `deblur` in another folder than {folder}"
    return f"rename it, or take {folder} off PYTHONPATH"
