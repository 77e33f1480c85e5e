"""Checks that the last commit can be released: `python .ci/release_check.py [--keep FOLDER]`.

Builds the distribution of the commit, and fails unless

- the changelog has the version,
- the wheel, built from the source distribution, holds the packages' files and nothing else,
- the metadata are as an index wants them (`twine check --strict`),
- the wheel installs into a clean environment, and there `deblur --version` tells the version, and the README's main
  command deblurs the example, whose frames all come out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("build", "twine")
# A checkout on Python's path would be taken for what is installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
MAIN_COMMAND = re.compile(r"^pip install \. && (deblur .+)$", re.MULTILINE)


def run(*command: str | Path, folder: Path) -> str:
    """Runs a command to its end, and returns what it printed.

    Raises:
        SystemExit: If it fails, with what it said.
    """
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(folder: Path, *packages: str | Path) -> Path:
    """Makes a virtual environment with packages in it.

    Returns:
        Its folder of programs.
    """
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", *packages, folder=folder.parent)
    return programs


def export_commit(folder: Path) -> list[str]:
    """Writes the files of the last commit into a folder.

    Returns:
        Their names.

    Raises:
        SystemExit: If something is not committed.
    """
    if changes := run("git", "status", "--porcelain", folder=ROOT):
        raise SystemExit(f"commit first, or put away what does not belong:\n{changes}")
    archive = folder.with_suffix(".tar")
    run("git", "archive", "--output", archive, "HEAD", folder=ROOT)
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
        return [file.name for file in files if file.isfile()]


def expected_files(names: list[str], packages: list[str]) -> set[str]:
    """What a wheel has to hold: the files in the folders of packages, and of those within them."""
    roots = {package.partition(".")[0] for package in packages}
    return {name for name in names if name.partition("/")[0] in roots and "/" in name}


def check_wheel(wheel: Path, expected: set[str]) -> None:
    """Compares the content of a wheel with what it has to hold.

    Raises:
        SystemExit: If a file is missing, or one too many.
    """
    with zipfile.ZipFile(wheel) as files:
        found = {name for name in files.namelist() if not name.partition("/")[0].endswith(".dist-info")}
    problems = [f"missing: {name}" for name in sorted(expected - found)]
    problems += [f"stray: {name}" for name in sorted(found - expected)]
    if problems:
        raise SystemExit(f"{wheel.name} is not what the packages are:\n" + "\n".join(problems))


def check_installed(wheel: Path, version: str, source: Path, folder: Path) -> str:
    """Installs a wheel and deblurs the example.

    Returns:
        What was found, for people.

    Raises:
        SystemExit: If the installed program does not do what the README says.
    """
    deblur = environment(folder / "clean", wheel) / "deblur"
    told = run(deblur, "--version", folder=folder).strip()
    if told != f"deblur {version}":
        raise SystemExit(f"`deblur --version` tells {told!r}, and pyproject.toml {version!r}")
    match = MAIN_COMMAND.search((source / "README.md").read_text(encoding="utf-8"))
    if match is None:
        raise SystemExit("the README has no line `pip install . && deblur ...`")
    shutil.copytree(source / "examples", folder / "examples")
    arguments = match[1].split()[1:]
    run(deblur, *arguments, folder=folder)
    before, after = (json.loads(run(deblur, "info", "--json", name, folder=folder)) for name in arguments[1:3])
    frames = [found["video"]["frame_estimate"] for found in (before, after)]
    if frames[0] != frames[1] or not frames[1]:
        raise SystemExit(f"{match[1]}: {frames[0]} frames in, {frames[1]} out")
    return f"{told}: `{match[1]}` made {frames[1]} frames"


def main() -> None:
    """Checks one step after the other, and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="put the checked distribution here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source, built = work / "source", work / "dist"
        names = export_commit(source)
        settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
        version = settings["project"]["version"]
        if f"\n## [{version}] - " not in (source / "CHANGELOG.md").read_text(encoding="utf-8"):
            raise SystemExit(f"CHANGELOG.md has no section for {version}")
        python = environment(work / "tools", *TOOLS) / "python"
        run(python, "-m", "build", "--outdir", built, source, folder=work)  # the wheel from the source distribution
        (wheel,) = built.glob("*.whl")
        (archive,) = built.glob("*.tar.gz")
        expected = expected_files(names, settings["tool"]["setuptools"]["packages"])
        check_wheel(wheel, expected)
        print(f"{wheel.name}: {len(expected)} files, {wheel.stat().st_size / 1e6:.1f} MB")
        run(python, "-m", "twine", "check", "--strict", wheel, archive, folder=work)
        print(check_installed(wheel, version, source, work))
        if arguments.keep is not None:
            shutil.copytree(built, arguments.keep, dirs_exist_ok=True)
    print(f"{version} can be released")


if __name__ == "__main__":
    main()
