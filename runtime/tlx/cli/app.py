"""The command ``tlx``: its commands, and what becomes of their errors."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from tlx.cli import options, terminal
from tlx.errors import InputError, TlxError
from tlx.stopping import defer_stops_while_compiled_modules_load
from tlx.version import __version__

INTERRUPTED = 130
HUNG_UP = 129
TERMINATED = 143
_SIGNALLED = 128
_LAST_STREAM = 2


# Where it lives differs between typer's releases.
_UsageError: Any = typer.BadParameter.__bases__[0]


@contextlib.contextmanager
def _usage_errors_as_ours(ctx: Any = None) -> Iterator[None]:
    """Typer would print four lines of an option that there isn't; and not each of its errors knows its command."""
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # it is the help
            raise
        words = error.format_message().rstrip(".")
        command = (
            error.ctx.command_path if error.ctx else " ".join(filter(None, ("tlx", ctx and ctx.invoked_subcommand)))
        )
        raise InputError(f"{words[:1].lower()}{words[1:]} (see '{command} -h')") from error


class _Commands(TyperGroup):
    """Finds commands of two words, too: ``tlx bench compare`` beside ``tlx bench MODEL.onnx``."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Read tlx's own options."""
        with _usage_errors_as_ours():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        """Find the command, read its words, run it."""
        with _usage_errors_as_ours(ctx):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The words after ``tlx`` as a command and its own words; typer's releases differ in whose types these are."""
        two_words = " ".join(args[:2])
        if len(args) > 1 and two_words in self.commands:
            return two_words, self.commands[two_words], args[2:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="tlx",
    cls=_Commands,
    help="From a folder of photos to a camera on the edge: train, export, prove and run an image classifier.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"tlx {__version__}")
        raise typer.Exit


@app.callback()
def _tlx(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    del version


def _register_commands() -> None:
    from tlx.cli import (
        bench,
        bench_compare,
        bench_report,
        classify,
        compress,
        demo,
        doctor,
        evaluate,
        export,
        info,
        loadgen,
        models,
        runs,
        train,
        verify,
    )

    for module in (demo, train, runs, evaluate, compress, export, verify, models, classify, bench):
        app.command()(getattr(module, module.__name__.rsplit(".", 1)[-1]))
    app.command("bench compare")(bench_compare.bench_compare)
    app.command("bench report")(bench_report.bench_report)
    for module in (loadgen, info, doctor):
        app.command()(getattr(module, module.__name__.rsplit(".", 1)[-1]))


_register_commands()


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Let ``finally`` blocks run on SIGTERM as they do on Ctrl-C."""
    del frame
    raise SystemExit(_SIGNALLED + signum)


def main() -> NoReturn:
    """Run the command line; always ends the process with the exit code of design.md §8."""
    _open_missing_streams()
    signal.signal(signal.SIGTERM, _terminate)
    # A closed terminal ends it as SIGTERM does, unless nohup had it ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _terminate)
    defer_stops_while_compiled_modules_load()
    sys.exit(run())


def _open_missing_streams() -> None:
    """A supervisor may start programs without stdin, stdout or stderr: then they lead nowhere."""
    if None not in {sys.stdin, sys.stdout, sys.stderr}:
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def run(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after ``tlx``; those of the process if left out.

    Returns:
        The exit code: 0 done, 1 a gate said no, 2 usage or input, 3 device, 130 interrupted.
    """
    try:
        app(args=arguments, prog_name="tlx", standalone_mode=True)
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _reader_has_gone()
    except TlxError as error:
        return _fail(f"error: {error}", error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last resort; the traceback is there with --verbose
        kind = type(error).__name__
        return _fail(f"internal error: {kind}: {error} (run it again with --verbose and report it)", TlxError.exit_code)
    return 0


def _exit_code(stop: SystemExit) -> int:
    """Typer turns an interrupt and a closed pipe into exit codes before we see them."""
    if isinstance(stop.__context__, BrokenPipeError):
        return _reader_has_gone()
    if stop.code == INTERRUPTED:
        return _fail("interrupted", INTERRUPTED)
    if stop.code in {TERMINATED, HUNG_UP}:
        return _fail("terminated", int(stop.code))
    return stop.code if isinstance(stop.code, int) else int(bool(stop.code))


def _reader_has_gone() -> int:
    """Whoever read stdout (``| head -1``) has enough; point it elsewhere, so that the last flush is quiet."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 0


def _fail(message: str, exit_code: int) -> int:
    if options.is_verbose():
        traceback.print_exc()
    terminal.note(f"tlx: {' '.join(message.split())}")
    return exit_code


if __name__ == "__main__":
    main()
