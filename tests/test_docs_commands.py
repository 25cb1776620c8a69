"""Every command and option that a page names exists, and every file that it links to."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest
from helpers.docs import blocks

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {name: importlib.import_module(f"{name.replace('-', '_')}.cli").main for name in ("fgbg-data", "fgbg-train")}
SCRIPTS = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").rglob("*.py")]
page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def commands(text: str) -> list[str]:
    """Return the commands of both programs that stand in the shell blocks of a page."""
    lines = "\n".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip().startswith(tuple(PROGRAMS))]


@page
def test_commands_in_blocks_have_the_options_that_they_use(path: Path) -> None:
    for line in commands(path.read_text(encoding="utf-8")):
        words = [word for word in shlex.split(line, comments=True) if word != "..."]
        command = PROGRAMS[words[0]].commands[words[1]]
        context = click.Context(command, info_name=line)
        _, rest, _ = command.make_parser(context).parse_args(words[2:])
        assert not rest, line


def known_options() -> set[str]:
    """Return the options of all commands, and those that a script of benchmarks/ or tools/ reads."""
    every = [command for program in PROGRAMS.values() for command in program.commands.values()]
    options = {name for command in every for param in command.params for name in (*param.opts, *param.secondary_opts)}
    options |= {alias for command in every for alias in getattr(command, "aliases", {})}
    scripts = {name for path in SCRIPTS for name in re.findall(r'"(--[a-z0-9-]+)"', path.read_text(encoding="utf-8"))}
    return options | scripts | {"--help"}


@page
def test_options_and_commands_in_sentences_exist(path: Path) -> None:
    known = known_options()
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", text):
        if code.startswith(("--", *PROGRAMS)):
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code)) <= known, code
        for program, name in re.findall(r"\b(fgbg-data|fgbg-train) ([a-z]+)", code):
            assert name in PROGRAMS[program].commands, code


@page
def test_links_lead_to_files(path: Path) -> None:
    made_at_build = {"tutorial.md", "contributing.md", "changelog.md", "fgbg-data.md", "fgbg-train.md"}
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert target.startswith("http") or target in made_at_build or (path.parent / target).exists(), target


@page
def test_files_of_the_repository_exist(path: Path) -> None:
    named = r"`((?:fgbg_data|fgbg_train|tests|benchmarks|tools|examples)/[\w./]+)`"
    for file in re.findall(named, path.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), file


@page
def test_make_targets_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", "".join(blocks(text, "sh")), re.MULTILINE) + re.findall(
        r"`make ([a-z-]+)", text
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
