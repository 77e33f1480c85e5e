"""The group `deblur`, and what becomes of errors: one line, and a documented exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from pipeline.cli.lazy import LazyCommand, LazyGroup
from pipeline.errors import DeblurError, Interrupted
from pipeline.system import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

DEBUG_VARIABLE = "DEBLUR_DEBUG"
"""Set to anything but nothing, it does what ``--debug`` does."""

COMMANDS = {
    "video": LazyCommand("pipeline.cli.video:video", "Deblur a video file."),
    "live": LazyCommand("pipeline.cli.live:live", "Deblur what a camera sees, now."),
    "info": LazyCommand("pipeline.cli.info:info", "Show what a video file holds and what would be kept."),
    "batch": LazyCommand("pipeline.cli.batch:batch", "Deblur many video files, and go on after a crash."),
    "bench": LazyCommand("pipeline.cli.bench:bench", "Measure how fast this machine is, stage by stage."),
    "doctor": LazyCommand("pipeline.cli.doctor:doctor", "Show what this machine offers, and what auto takes."),
    "synth": LazyCommand("pipeline.cli.synth:synth", "Make pairs for training from sharp photographs.", extra="train"),
    "pack": LazyCommand("pipeline.cli.pack:pack_command", "Make a pool for training from a data set.", extra="train"),
    "train": LazyCommand("pipeline.cli.train:train_command", "Train a network on pairs.", extra="train"),
    "evaluate": LazyCommand(
        "pipeline.cli.evaluate:evaluate_command", "Score weights on blurred and sharp pictures.", extra="train"
    ),
    "export": LazyCommand("pipeline.cli.export:export", "Write a network as ONNX.", extra="train"),
    "engine": LazyCommand("pipeline.cli.engine:engine", "Build and manage TensorRT engines.", extra="trt"),
}


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value:
        return
    from importlib import metadata

    try:
        version = metadata.version("deblur-stream")
    except metadata.PackageNotFoundError:
        version = "(not installed)"
    click.echo(f"deblur {version}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: see `deblur video --help`.",
)
@click.option(
    "--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help="Show the version."
)
@click.option("--debug", is_flag=True, help=f"Show the traceback of every error (or set {DEBUG_VARIABLE}=1).")
@click.pass_context
def group(ctx: click.Context, *, debug: bool) -> None:
    """Makes blurred video sharper, frame by frame."""
    ctx.obj = {"debug": debug}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process.

    Args:
        arguments: Without the program's name; those of the process where None.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name or a tag may hold what the output's encoding does not: Windows has code pages of 256 characters.
        sys.stdout.reconfigure(errors="backslashreplace")
    seen = signals.install_signal_handlers()
    try:
        code = group.main(arguments, prog_name="deblur", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - nothing but one line may reach the user
        if seen and not isinstance(error, Interrupted):
            # Libraries in C turn an interruption into errors of their own, such as "initialization failed".
            error = Interrupted("interrupted")
        code = _explain(error, wants_traceback="--debug" in arguments or bool(os.environ.get(DEBUG_VARIABLE)))
    if code == Interrupted.exit_code:
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
        error = Interrupted("interrupted")
    if isinstance(error, click.ClickException):
        line, code = _usage_line(error), error.exit_code
    elif isinstance(error, DeblurError):
        line, code = str(error), error.exit_code
    elif (network_code := _network_exit_code(error)) is not None:
        line, code = str(error), network_code
    else:
        from pipeline.system.unexpected import explain  # costs more than the help needs

        line, code = f"unexpected error, please report it with the output of --debug: {explain(error)}", 1
    print(f"deblur: {' '.join(line.split())}", file=sys.stderr)
    return code


def _usage_line(error: click.ClickException) -> str:
    """Click's message in one line, with the way to the help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    return f"{message}; see `{context.command_path} --help`" if context is not None else message


def _network_exit_code(error: BaseException) -> int | None:
    """The exit code of an error of the network package; None if it is none."""
    errors = sys.modules.get("network.errors")  # not imported means not raised
    if errors is None or not isinstance(error, errors.NetworkError):
        return None
    if isinstance(error, errors.DataError):
        return 3
    return 5 if isinstance(error, errors.TrainingError) else 2
