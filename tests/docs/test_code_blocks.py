"""The code of the documents: Python and the quickstart are run, every other command is parsed as it would be."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import click
import pytest

from pipeline.cli.main import group

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 240

PLACEHOLDERS = {"...", "COMMAND"}
OTHER_PROGRAMS = {"--force-reinstall", "--head", "--logdir", "--no-deps"}
"""Options of pip, Ray and TensorBoard that the text names."""

SEPARATORS = {"&&", "||", "|", ";", "&"}
REDIRECTIONS = {"<", ">", ">>"}


needs_shell = pytest.mark.skipif(
    sys.platform == "win32", reason="the command `deblur` is a script for a POSIX shell here"
)


def commands_of(text: str) -> Iterator[list[str]]:
    """The commands of a shell script, each as a list of words, without redirections and assignments."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        skips_target = False
        for word in [*lexer, ";"]:
            if word in SEPARATORS:
                while words and re.fullmatch(r"\w+=.*", words[0]):
                    words.pop(0)
                if words:
                    yield words
                words = []
            elif word in REDIRECTIONS:
                skips_target = True
            elif skips_target:
                skips_target = False
            else:
                words.append(word)


def deblur_arguments(words: list[str]) -> list[str] | None:
    """What a command passes to ``deblur``; None if it is another program."""
    if words[0] == "deblur":
        return words[1:]
    if words[0] in {"python", "torchrun"} and "pipeline.cli" in words:
        return words[words.index("pipeline.cli") + 1 :]
    return None


def check_deblur(arguments: list[str], *, is_whole: bool) -> None:
    """Parses arguments by the real commands, and runs nothing.

    Args:
        arguments: What follows on ``deblur``.
        is_whole: Whether everything required has to be there, as it need not where a text only names a command.

    Raises:
        click.UsageError: If a command or an option does not exist, or a value is none that it takes.
    """
    command: click.Command = group
    context = click.Context(command, info_name="deblur")
    while True:
        options, rest, _ = command.make_parser(context).parse_args(arguments)
        if not isinstance(command, click.Group):
            break
        if not rest or rest[0] in PLACEHOLDERS:
            return
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"there is no command {rest[0]!r}", context)
        command, context, arguments = found, click.Context(found, context, rest[0]), rest[1:]
    if is_whole and rest:
        raise click.UsageError(f"nothing takes {rest}", context)
    for parameter in command.get_params(context):
        value, _ = parameter.consume_value(context, options)
        if parameter.value_is_missing(value):
            if is_whole and parameter.required:
                raise click.MissingParameter(ctx=context, param=parameter)
        elif not isinstance(parameter.type, click.Path):  # the files of the documents are nowhere
            parameter.type_cast_value(context, value)


def options_of_script(path: Path) -> set[str]:
    """The options of a script that uses argparse, by the strings in its calls of ``add_argument``."""
    return {
        argument.value
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def check_script(words: list[str]) -> None:
    """Checks that a script of the repository is there and has the options that it is given."""
    path = ROOT / words[1]
    assert path.is_file(), f"there is no script {words[1]}"
    own = words[2 : words.index("--") if "--" in words else None]
    unknown = {word for word in own if word.startswith("--")} - options_of_script(path)
    assert not unknown, f"{words[1]} has no option {', '.join(sorted(unknown))}"


def all_options() -> set[str]:
    """The options of all commands, those of subcommands included."""
    found: set[str] = set()

    def collect(command: click.Command) -> None:
        context = click.Context(command)
        for parameter in command.get_params(context):
            found.update([*parameter.opts, *parameter.secondary_opts])
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                collect(inner)

    collect(group)
    return found


def problem_of(words: list[str], *, is_whole: bool) -> str:
    """What is wrong with a command of a document; empty if nothing is, or if it is another program's."""
    arguments = deblur_arguments(words)
    try:
        if arguments is not None:
            check_deblur(arguments, is_whole=is_whole)
        elif words[0] == "python" and len(words) > 1 and words[1].startswith(("benchmarks/", "examples/", ".ci/")):
            check_script(words)
        elif words[0] == "pytest":
            gone = [word for word in words if word.startswith("tests/") and not (ROOT / word).exists()]
            assert not gone, f"there is no {', '.join(gone)}"
    except (click.UsageError, AssertionError) as error:
        return f"{shlex.join(words)}: {error}"
    return ""


def test_commands_in_code_blocks_exist_with_their_options(page: Any) -> None:
    problems = [
        f"{page}:{line}: {problem}"
        for line, text in page.blocks("sh")
        for words in commands_of(text)
        if (problem := problem_of(words, is_whole=True))
    ]
    assert not problems, "\n".join(problems)


def test_commands_within_text_exist_with_their_options(page: Any) -> None:
    known = all_options() | OTHER_PROGRAMS
    problems = []
    for line, token in page.inline("code_inline"):
        text = token.content
        if re.fullmatch(r"--[a-z][a-z-]*", text) and text not in known:
            problems.append(f"{page}:{line}: no command has the option {text}")
        if re.match(r"(?:\w+=\S+ )*(?:deblur|python|pytest|torchrun) ", text):
            found = (problem_of(words, is_whole=False) for words in commands_of(text))
            problems += [f"{page}:{line}: {problem}" for problem in found if problem]
    assert not problems, "\n".join(problems)


def test_files_that_text_names_exist(page: Any) -> None:
    for line, token in page.inline("code_inline"):
        match = re.fullmatch(r"(?:benchmarks|docs|examples|network|pipeline|tests|trt)/[\w./-]+", token.content)
        assert match is None or (ROOT / match[0]).exists(), f"{page}:{line}: there is no {match and match[0]}"


@needs_shell
def test_python_blocks_run(page_with_python: Any, workspace: Any) -> None:
    lines: list[str] = []
    for line, text in page_with_python.blocks("python"):  # so that a traceback tells the line of the page
        lines += [""] * (line - 1 - len(lines)) + text.splitlines()
    script = workspace.folder / "page.py"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [sys.executable, script.name],
        cwd=workspace.folder,
        env=workspace.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@needs_shell
def test_quickstart_runs_as_written(quickstart: Any, workspace: Any) -> None:
    blocks = [text for _, text in quickstart.blocks("sh")]
    lines = [line for text in blocks for line in text.splitlines() if not line.startswith("pip install ")]
    assert len(lines) >= 6
    done = subprocess.run(  # noqa: S603
        ["bash", "-euxc", "\n".join(lines)],  # noqa: S607
        cwd=workspace.folder,
        env=workspace.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = [words[3] for text in blocks for words in commands_of(text) if words[:2] == ["deblur", "video"]]
    frames = {}
    for name in [*outputs, "out/clip.mp4"]:
        with av.open(workspace.folder / name) as output:
            frames[name] = sum(1 for _ in output.decode(video=0))
    assert frames["deblurred.mp4"] == frames["out/clip.mp4"] == workspace.frames
    assert all(frames.values())
    assert (workspace.folder / "report.json").is_file()
    assert (workspace.folder / "batch.html").is_file()


@pytest.mark.parametrize(
    "command",
    [
        "deblur video in.mp4 out.mp4 --no-such-option",
        "deblur vidio in.mp4 out.mp4",
        "deblur video in.mp4",
        "deblur video in.mp4 out.mp4 --engine cudnn",
        "deblur engine lists",
        "torchrun --nproc-per-node 4 -m pipeline.cli train pool run --devices cuda",
    ],
)
def test_what_does_not_exist_is_found(command: str) -> None:
    (words,) = commands_of(command)
    arguments = deblur_arguments(words)
    assert arguments is not None
    with pytest.raises(click.UsageError):
        check_deblur(arguments, is_whole=True)


def test_a_script_without_the_option_is_found() -> None:
    with pytest.raises(AssertionError, match="no option --no-such"):
        check_script(["python", "benchmarks/speed.py", "--no-such"])
