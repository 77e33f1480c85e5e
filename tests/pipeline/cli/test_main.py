"""The group: cheap help, lazy subcommands, one line for every error."""

from __future__ import annotations

import ast
import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from pipeline.cli.lazy import LazyCommand, LazyGroup
from pipeline.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(60)

HEAVY = {
    *("cloup", "numpy", "av", "openvino", "rich", "torch", "onnx", "cv2"),
    *("network.planes", "network.catalogue", "trt.cache"),
}
SHOW_MODULES = "import atexit, sys, json; atexit.register(lambda: print(json.dumps(sorted(sys.modules))))"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_and_version_import_nothing_heavy(deblur: CommandLine, arguments: list[str]) -> None:
    ended = deblur.run(*arguments, prelude=SHOW_MODULES)
    modules = set(json.loads(ended.out.decode().splitlines()[-1]))
    assert modules & HEAVY == set()
    assert "click" in modules


def test_info_imports_nothing_that_only_a_run_needs(deblur: CommandLine, tmp_path: Path) -> None:
    ended = deblur.run("info", tmp_path / "missing.mp4", prelude=SHOW_MODULES)
    assert ended.code == 3
    modules = set(json.loads(ended.out.decode().splitlines()[-1]))
    assert modules & {"cv2", "openvino", "torch", "rich", "multiprocessing"} == set()
    assert "av" in modules


@pytest.mark.skipif(not Path("/proc/self/task").is_dir() or os.cpu_count() == 1, reason="threads can't be counted")
@pytest.mark.parametrize("library", ["numpy", "cv2"])
def test_libraries_start_no_threads_that_wait_for_nothing(deblur: CommandLine, library: str) -> None:
    count = f"""import atexit, os
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.pop(name, None)
atexit.register(lambda: (__import__("{library}"), print(os.listdir("/proc/self/task"))))"""
    ended = deblur.run("--version", prelude=count)
    assert len(ast.literal_eval(ended.out.decode().splitlines()[-1])) == 1


def test_help_lists_every_command(deblur: CommandLine) -> None:
    ended = deblur.run("--help")
    assert ended.code == 0
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.help)}$", ended.out.decode(), re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name: str) -> None:
    command = COMMANDS[name].load()
    assert isinstance(command, click.Command)
    assert command.help


def test_an_unknown_command_is_one_line_and_code_2(deblur: CommandLine) -> None:
    ended = deblur.run("sharpen")
    assert ended.code == 2
    assert "'sharpen'" in ended.error
    assert "deblur --help" in ended.error


def test_an_unknown_option_is_one_line_and_code_2(deblur: CommandLine) -> None:
    ended = deblur.run("video", "in.mp4", "out.mp4", "--sharpness", "3")
    assert ended.code == 2
    assert "--sharpness" in ended.error
    assert "deblur video --help" in ended.error


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--strength", "1.6"),
        ("--scale", "0.7"),
        ("--scale", "half"),
        ("--start", "-3"),
        ("--start", "1:x"),
        ("--duration", "nan"),
        ("--bitrate", "fast"),
        ("--threads", "0"),
    ],
)
def test_a_value_out_of_range_is_code_2(deblur: CommandLine, option: str, value: str) -> None:
    ended = deblur.run("video", "in.mp4", "out.mp4", option, value)
    assert ended.code == 2
    assert value in ended.error


def test_a_missing_library_of_an_extra_says_what_to_install(tmp_path: Path, deblur: CommandLine) -> None:
    hide = "import sys; sys.modules['torch'] = None"
    ended = deblur.run("train", tmp_path, tmp_path, prelude=hide)
    assert ended.code == 2
    assert 'pip install "deblur-stream[train]"' in ended.error


def test_a_missing_module_of_ours_is_not_taken_for_an_extra() -> None:
    entries = {"broken": LazyCommand("pipeline.cli.nowhere:nothing", "Is not there.")}
    group = LazyGroup(name="deblur", entries=entries)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        group.main(["broken"], standalone_mode=False)


def test_a_bug_is_one_line_and_code_1_and_debug_shows_the_traceback(deblur: CommandLine) -> None:
    broken = (
        "from pipeline.cli.main import COMMANDS\nfrom pipeline.cli.lazy import LazyCommand\n"
        "COMMANDS['broken'] = LazyCommand('pipeline.errors:DeblurError', 'Is no command.')"
    )
    ended = deblur.run("broken", prelude=broken)
    assert ended.code == 1
    assert "unexpected error, please report it with the output of --debug: TypeError: " in ended.error
    assert re.search(r"\(in pipeline/cli/lazy\.py:\d+\)$", ended.error)
    debugged = deblur.run("--debug", "broken", prelude=broken)
    assert debugged.code == 1
    assert "Traceback" in debugged.err
    assert debugged.err.splitlines()[-1] == ended.error


LOST_ARGUMENT = """\
import av, functools
av.open = functools.partial(av.open, lost_argument=1)
"""
"""What a release does that takes an argument away: the call is the real one, and the library's own code refuses it."""


def test_a_library_that_has_changed_is_named_with_its_version(clip: Path, tmp_path: Path, deblur: CommandLine) -> None:
    out = tmp_path / "out.mp4"
    ended = deblur.run("video", clip, out, "--network", "identity", prelude=LOST_ARGUMENT)
    assert ended.code == 1
    assert "TypeError: open() got an unexpected keyword argument 'lost_argument' (in pipeline/" in ended.error
    assert ended.error.endswith(f" av {metadata.version('av')})")
    assert not out.exists()


def test_a_library_that_has_changed_is_named_out_of_another_process(
    clip: Path, tmp_path: Path, deblur: CommandLine
) -> None:
    """With --isolate the file is opened in a process of its own, whose traceback does not travel."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(LOST_ARGUMENT)
    ended = deblur.run("video", clip, tmp_path / "out.mp4", "--isolate", path=[site])
    assert ended.code == 1
    assert "TypeError: open() got an unexpected keyword argument 'lost_argument' (in pipeline/" in ended.error
    assert ended.error.endswith(f" av {metadata.version('av')}), in the decoding process")


def test_an_untested_version_of_a_library_is_said_with_its_error(
    clip: Path, tmp_path: Path, deblur: CommandLine
) -> None:
    older = f"{LOST_ARGUMENT}\nfrom pipeline.system.libraries import TESTED\nTESTED['av'] = ('1.2', '3')\n"
    ended = deblur.run("video", clip, tmp_path / "out.mp4", prelude=older)
    assert ended.code == 1
    assert ended.error.endswith(f" av {metadata.version('av')}, outside the tested versions, 1.2 to 3.x)")


def test_a_name_that_the_outputs_encoding_does_not_hold_is_escaped(
    make_clip: Callable[..., Path], tmp_path: Path, deblur: CommandLine
) -> None:
    """As where Windows sends the output of a command to a file."""
    clip = make_clip(tmp_path / "映像.mp4")
    narrow = "import sys; sys.stdout.reconfigure(encoding='cp1252', errors='strict')"
    ended = deblur.run("info", clip, prelude=narrow)
    assert ended.code == 0
    assert b"\\u6620\\u50cf.mp4" in ended.out
    as_json = deblur.run("info", "--json", clip, prelude=narrow)
    assert json.loads(as_json.out)["name"] == str(clip)


def test_a_mistyped_command_is_answered_by_what_comes_close(deblur: CommandLine) -> None:
    ended = deblur.run("vidoe", "a.mp4", "b.mp4")
    assert ended.code == 2
    assert "did you mean video?" in ended.error


def test_the_version_names_the_engines(deblur: CommandLine) -> None:
    lines = deblur.run("--version").out.decode().splitlines()
    assert lines[0].startswith("deblur ")
    assert f"openvino {metadata.version('openvino')}" in lines
    assert f"av {metadata.version('av')}" in lines


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_given_a_script_that_completes(shell: str, deblur: CommandLine) -> None:
    script = deblur.run("completion", shell).out.decode()
    assert f"_DEBLUR_COMPLETE={shell}_complete" in script


def test_options_are_completed(deblur: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deblur.environment, "_DEBLUR_COMPLETE", "bash_complete")
    monkeypatch.setitem(deblur.environment, "COMP_WORDS", "deblur video --over")
    monkeypatch.setitem(deblur.environment, "COMP_CWORD", "2")
    assert deblur.run().out.decode().splitlines() == ["plain,--overwrite"]
