"""What the commands of both programs share: errors in one line with exit status 2, tables, and spellings of options."""

import functools
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from fgbg_data.errors import FgbgError, FgbgWarning
from fgbg_data.options import nearest
from fgbg_data.runtime.signals import signals_as_ctrl_c
from fgbg_data.runtime.streams import discard_output, open_closed_streams, show_any_name
from fgbg_data.text import text_table


class Choice(click.Choice[str]):
    """The type of an option that takes one of some texts; the error for a misspelt text names the nearest one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the text of the error, with the nearest choice."""
        return f"{super().get_invalid_choice_message(value, ctx).rstrip('.')}{nearest(str(value), self.choices)}"


OTHER_NAMES = {
    "train": "fit",
    "evaluate": "eval",
    "validate": "eval",
    "test": "eval",
    "infer": "predict",
    "show": "view",
    "check": "verify",
    "resplit": "split",
    "make": "build",
}
"""Names that other programs have for a command -> the command."""


class Group(click.Group):
    """A program with commands. It shows a mistake on the command line in one line, and exits with status 2."""

    def main(self, *args: Any, standalone_mode: bool = True, **named: Any) -> Any:
        """Run a command; see `click.Command.main`."""
        if not standalone_mode:
            return self._main(*args, **named)
        open_closed_streams()
        show_any_name()
        signals_as_ctrl_c()
        try:
            status = self._main(*args, **named)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else self.name
            click.echo(f"{command}: {error.format_message().rstrip('.')}; see {command} --help", err=True)
            status = error.exit_code
        except click.Abort:  # Ctrl-C, SIGTERM or SIGHUP
            status = 130
        sys.exit(status if isinstance(status, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; the error for an unknown one names the nearest, also by the name of other programs."""
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        known = {command: command for command in self.commands}
        known |= {other: command for other, command in OTHER_NAMES.items() if command in known}
        hint = nearest(name, known)
        meant = next((command for word, command in known.items() if repr(word) in hint), None)
        raise click.UsageError(f"there is no command {name!r}" + (f"; did you mean {meant!r}?" if meant else ""), ctx)

    def _main(self, *args: Any, **named: Any) -> Any:
        run: Any = super().main
        return run(*args, standalone_mode=False, **named)


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of the group of commands."""


class Command(click.Command):
    """A command whose help shows its options in sections, and whose options have other spellings.

    Args:
        sections: title -> names of the parameters in it, in the order in which the help shows them; options
            without a section come last.
        aliases: other spelling -> option, such as `{"--clip-grad": "--clip"}`. The help does not list them.
        others: what `click.Command` takes.
    """

    def __init__(
        self,
        *others: Any,
        sections: Mapping[str, Sequence[str]] | None = None,
        aliases: Mapping[str, str] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*others, **named)
        self.sections = dict(sections or {})
        self.aliases = dict(aliases or {})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rows = {option.name: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for title, names in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([rows.pop(name) for name in names])
        if rows:
            with formatter.section("Other options" if self.sections else "Options"):
                formatter.write_dl(list(rows.values()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace other spellings by the options that they stand for, up to `--`."""
        end = args.index("--") if "--" in args else len(args)
        for i, word in enumerate(args[:end]):
            name, equals, value = word.partition("=")
            if name in self.aliases:
                args[i] = self.aliases[name] + equals + value
        return super().parse_args(ctx, args)


def terminal_width() -> int | None:
    """Return the number of columns of the terminal, or None if the output goes to a file or to another program."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def user_errors(program: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator of commands that shows a user's mistake in one line and exits with status 2.

    Warnings are shown as one line each.

    Args:
        program: the name that begins each line, such as `fgbg-data`.
    """

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        text = message.for_command_line() if isinstance(message, FgbgWarning) else str(message)
        click.echo(f"{program}: {text}", err=True)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*args: Any, **kwargs: Any) -> Any:
            with warnings.catch_warnings():
                warnings.showwarning = show_warning
                try:
                    result = command(*args, **kwargs)
                    sys.stdout.flush()
                    return result
                except FgbgError as error:
                    problem = error.for_command_line()
                except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
                    discard_output()
                    sys.exit(0)
                except MemoryError:
                    problem = "memory ran out"
                except OSError as error:
                    where = f"{error.filename}: " if error.filename is not None else ""
                    problem = f"{where}{error.strerror or error}"
                click.echo(f"{program}: {problem}", err=True)
                sys.exit(2)

        return run

    return decorate


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; where the terminal is too narrow for it, one paragraph for each row."""
    click.echo(text_table(header, rows, terminal_width()))
