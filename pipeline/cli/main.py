"""The group `deblur`. It turns every error into one line and a documented exit code."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import click

from network.names import printable
from pipeline.cli.config import CONFIG_VARIABLE, config_file, own_defaults
from pipeline.cli.exit_codes import BUG, INTERRUPTED, exit_code
from pipeline.cli.lazy import LazyCommand, LazyGroup
from pipeline.cli.spelling import spelled
from pipeline.errors import DeblurError
from pipeline.system import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

DEBUG_VARIABLE = "DEBLUR_DEBUG"
"""Environment variable that does what ``--debug`` does if it is not empty."""

ENGINE_LIBRARIES = ("openvino", "torch", "torch-tensorrt", "torch-tensorrt-rtx", "onnxruntime", "av")
"""What ``--version`` names besides the program: what computes, and what decodes and encodes."""

COMMANDS = {
    "video": LazyCommand("pipeline.cli.video:video", "Deblur a video file."),
    "image": LazyCommand("pipeline.cli.image:image", "Deblur photographs."),
    "best": LazyCommand("pipeline.cli.best:best", "Write the sharpest deblurred frames of a video as pictures."),
    "sample": LazyCommand("pipeline.cli.sample:sample", "Try settings on the most blurred seconds, as a page."),
    "live": LazyCommand("pipeline.cli.live:live", "Deblur what a camera sees, now."),
    "info": LazyCommand("pipeline.cli.info:info", "Show what a video file holds and what would be kept."),
    "batch": LazyCommand("pipeline.cli.batch:batch", "Deblur many video files, and go on after a crash."),
    "compare": LazyCommand(
        "pipeline.cli.compare:compare", "Compare two videos: figures, a video, a page.", extra="compare"
    ),
    "bench": LazyCommand("pipeline.cli.bench:bench", "Measure how fast this machine is, stage by stage."),
    "doctor": LazyCommand("pipeline.cli.doctor:doctor", "Show what this machine offers, and what auto takes."),
    "synth": LazyCommand("pipeline.cli.synth:synth", "Make windows for training from sharp photographs and videos."),
    "pack": LazyCommand("pipeline.cli.pack:pack_command", "Make a pool for training from a data set."),
    "train": LazyCommand("pipeline.cli.train:train_command", "Train a network on windows or pairs.", extra="train"),
    "evaluate": LazyCommand(
        "pipeline.cli.evaluate:evaluate_command", "Score weights on blurred and sharp pictures.", extra="train"
    ),
    "export": LazyCommand("pipeline.cli.export:export", "Write a network as ONNX.", extra="train"),
    "engine": LazyCommand("pipeline.cli.engine:engine", "Build and manage TensorRT engines.", extra="trt"),
    "completion": LazyCommand("pipeline.cli.completion:completion", "Print what completes commands in your shell."),
}


_LINE_BREAK = re.compile(r"\s*\n\s*")


class Failure(click.ClickException):
    """The message of an error in one line, in the words of the command line, and its exit code.

    Args:
        error: An error of the library, or the interruption by Ctrl-C. Of an interruption, its notes are told: that
            is where the library says what became of the output and how to go on.
        command: Command in which the error occurred; None if unknown.
    """

    def __init__(self, error: DeblurError | KeyboardInterrupt, command: click.Command | None = None) -> None:
        is_interruption = isinstance(error, KeyboardInterrupt)
        line = "; ".join(["interrupted", *getattr(error, "__notes__", ())]) if is_interruption else str(error)
        super().__init__(spelled(line, command))
        self.exit_code = exit_code(type(error))  # type: ignore[misc]  # click sets it so in its own errors


class _Commands(LazyGroup):
    """The commands, whose errors become a :class:`Failure` while it is known which command it was."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, with a person's own defaults of its options."""
        try:
            return super().invoke(ctx)
        except (DeblurError, KeyboardInterrupt) as error:  # click itself would lose the notes of an interruption
            name = ctx.invoked_subcommand
            try:
                command = None if name is None else self.get_command(ctx, name)
            except DeblurError:  # a library is missing without which the command can't even be imported
                command = None
            raise Failure(error, command) from error


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value:
        return
    from importlib import metadata

    try:
        version = metadata.version("deblur-stream")
    except metadata.PackageNotFoundError:
        version = "(not installed)"
    from pipeline.system.libraries import installed

    click.echo(f"deblur {version}")
    for name in ENGINE_LIBRARIES:
        library = installed(name)
        if library is not None:
            click.echo(f"{library.name} {library.version}")
    ctx.exit()


@click.group(
    cls=_Commands,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: see `deblur video --help`.",
)
@click.option(
    "--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help="Show the version."
)
@click.option("--debug", is_flag=True, help=f"Show the traceback of every error (or set {DEBUG_VARIABLE}=1).")
@click.option("--no-config", is_flag=True, help=f"Read no file of own defaults (see {CONFIG_VARIABLE}).")
@click.pass_context
def group(ctx: click.Context, *, debug: bool, no_config: bool) -> None:
    """Makes blurred video sharper."""
    ctx.obj = {"debug": debug}
    name = ctx.invoked_subcommand
    path = None if no_config or name is None else config_file()
    if path is not None and name is not None:
        command = group.get_command(ctx, name)
        if command is not None:
            ctx.default_map = {name: own_defaults(path, name, command, COMMANDS)}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process.

    Args:
        arguments: Arguments without the program's name; None takes those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name or a tag may hold what the output's encoding does not: Windows has code pages of 256 characters.
        sys.stdout.reconfigure(errors="backslashreplace")
    # numpy and OpenCV come with OpenBLAS, whose threads begin to spin when it is loaded, and get no work here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    seen = signals.install_signal_handlers()
    try:
        code = group.main(arguments, prog_name="deblur", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - nothing but one line may reach the user
        if seen and not (isinstance(error, Failure) and error.exit_code == INTERRUPTED):
            # Libraries in C turn an interruption into errors of their own, such as "initialization failed".
            error = KeyboardInterrupt()
        code = _explain(error, wants_traceback="--debug" in arguments or bool(os.environ.get(DEBUG_VARIABLE)))
    if code == INTERRUPTED:
        # A batch that takes minutes may still be in the engine's thread; the interpreter's own end would wait
        # for it, or crash on it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _explain(error: BaseException, *, wants_traceback: bool) -> int:
    """Prints one line about ``error``, and its traceback if wanted.

    Returns:
        The exit code.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if wants_traceback:
        traceback.print_exception(error)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        error = Failure(KeyboardInterrupt())
    elif isinstance(error, DeblurError):
        error = Failure(error)
    if isinstance(error, click.ClickException):
        line, code = _usage_line(error), error.exit_code
    else:
        from pipeline.system.unexpected import explain  # costs more than the help needs

        line, code = f"unexpected error, please report it with the output of --debug: {explain(error)}", BUG
    with contextlib.suppress(OSError):  # a terminal that is gone
        print(f"deblur: {printable(_LINE_BREAK.sub(' ', line.strip()))}", file=sys.stderr)
    return code


def _usage_line(error: click.ClickException) -> str:
    """The message in one line; for click's own errors, with the way to the help."""
    if isinstance(error, Failure):
        return error.message
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    return f"{message}; see `{context.command_path} --help`" if context is not None else message
