"""The help of both programs, as a terminal of 80 columns shows it."""

import importlib
from typing import cast

import click
import pytest
from click.testing import CliRunner


def group(program: str) -> click.Group:
    return cast("click.Group", importlib.import_module(f"{program}.cli").main)


def shown(program: str, *arguments: str) -> str:
    result = CliRunner().invoke(group(program), [*arguments, "--help"], terminal_width=80)
    assert result.exit_code == 0
    return result.output


COMMANDS = [(program, name) for program in ("fgbg_data", "fgbg_train") for name in group(program).commands]


@pytest.mark.parametrize("program", ["fgbg_data", "fgbg_train"])
def test_the_list_of_commands_is_told_in_full(program: str) -> None:
    listed = shown(program).partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(group(program).commands)  # one line each
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_help_reads_as_it_was_written(program: str, name: str) -> None:
    text = shown(program, name)
    assert "\\b" not in text
    assert "\b" not in text
    examples = [line for line in text.splitlines() if line.strip().startswith(f"{program.replace('_', '-')} {name} ")]
    assert all(line.startswith("    ") and len(line) <= 80 for line in examples)


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_every_option_says_what_it_does(program: str, name: str) -> None:
    options = [p for p in group(program).commands[name].params if isinstance(p, click.Option)]
    assert not [p.name for p in options if not (p.help or "").strip("[]0123456789 ")]


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_every_option_stands_in_one_section_of_the_help(program: str, name: str) -> None:
    command = group(program).commands[name]
    sections = getattr(command, "sections", {})
    listed = [option for names in sections.values() for option in names]
    assert len(listed) == len(set(listed))
    if sections:
        assert {p.name for p in command.params if isinstance(p, click.Option)} == set(listed)


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_other_spellings_stand_for_options_that_exist(program: str, name: str) -> None:
    command = group(program).commands[name]
    options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    for spelling, meaning in getattr(command, "aliases", {}).items():
        assert meaning in options
        assert spelling not in options
