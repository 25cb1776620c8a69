"""Pages of the site that are made when it is built: the help of both commands, the notebook, two files of the root."""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import click
import nbclient
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

COLUMNS = 80
"""Width of the help in characters; wider text does not fit between the two menus of a page."""
NOTEBOOK = "tutorial.ipynb"


def help_of(command: click.Command, program: str) -> str:
    """Return what `program NAME --help` prints."""
    width = {"terminal_width": COLUMNS, "max_content_width": COLUMNS}
    settings: dict[str, Any] = command.context_settings | width
    return command.get_help(click.Context(command, info_name=program, **settings))


def command_page(program: str) -> str:
    """Return the page of a program: its help and the help of each command, as a terminal shows them."""
    package = importlib.import_module(f"{program.replace('-', '_')}.cli")
    group = cast("click.Group", package.main)
    parts = [f"# `{program}`", f"```text\n{help_of(group, program)}\n```"]
    for name, command in sorted(group.commands.items()):
        parts += [f"## `{program} {name}`", f"```text\n{help_of(command, f'{program} {name}')}\n```"]
    return "\n\n".join(parts)


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Run a notebook in an empty folder; return it as Markdown, and the pictures that it shows by file name.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; its traceback is in the text.
    """
    notebook = nbformat.read(path, as_version=4)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # with the programs of this package
        "COLUMNS": str(COLUMNS),
        "OMP_WAIT_POLICY": "passive",  # threads of torch that wait leave the cores to others, on a busy machine
    }
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook, timeout=600, coalesce_streams=True, resources={"metadata": {"path": folder}}
        )
        client.execute(env=environment)
    body, resources = MarkdownExporter().from_notebook_node(notebook)
    return body.replace("%%sh\n", ""), resources["outputs"]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files in `docs/`. MkDocs calls this once, before it reads any page."""
    root, docs = Path(config.config_file_path).parent, Path(config.docs_dir)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        text = (root / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    for program in ("fgbg-data", "fgbg-train"):
        files.append(File.generated(config, f"{program}.md", content=command_page(program)))
    if os.environ.get("FGBG_DOCS_NOTEBOOK") == "skip":
        body, pictures = "# Tutorial\n\nThis page was left out of this build.", {}
    else:
        body, pictures = notebook_page(docs / NOTEBOOK)
    files.append(File.generated(config, NOTEBOOK.replace(".ipynb", ".md"), content=body))
    for name, data in pictures.items():
        files.append(File.generated(config, name, content=data))
    return files
