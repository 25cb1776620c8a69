"""The commands that answer questions about a dataset: info, stats and verify."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import SHARDS, user_errors
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.checking.verify import Report


@click.command(short_help="Say what a dataset is: counts, splits, sizes, configuration.")
@SHARDS
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@user_errors
def info(shards: str, as_json: bool) -> None:
    """Say what a dataset is: counts, splits, sizes, estimator, configuration."""
    from fgbg_data import info as dataset_info

    about = dataset_info(shards)
    click.echo(json.dumps(about, indent=1, ensure_ascii=False) if as_json else _info_text(shards, about))


@click.command(short_help="Print the table of fields: count, size, mean, deviation.")
@SHARDS
@click.option("--split", help="Count only this split.  [all]")
@click.option("--recompute", is_flag=True, help="Read every pixel again, instead of the sums in the records.")
@click.option("--format", "format_name", help="Read this format, if there are several.  [the fastest to read]")
@click.option(
    "--jobs", "-j", type=int, default=0, help="Use this many processes for --recompute; 0 is one for each core.  [0]"
)
@user_errors
def stats(shards: str, split: str | None, recompute: bool, format_name: str | None, jobs: int) -> None:
    """Print the table of fields: type, count, size, bytes, mean, standard deviation.

    Mean and standard deviation are over all pixels of all samples, on a scale from 0 to 1, and exact.
    """
    from fgbg_data import stats as dataset_stats
    from fgbg_data.text import format_bytes, text_table

    rows = [
        [
            row.name,
            row.dtype,
            f"{row.count:,}",
            " x ".join(str(side) for side in row.shape) or "-",
            "-" if row.bytes is None else format_bytes(row.bytes),
            " ".join(f"{value:.4f}" for value in row.mean) or "-",
            " ".join(f"{value:.4f}" for value in row.std) or "-",
        ]
        for row in dataset_stats(shards, split, recompute=recompute, format=format_name, jobs=jobs, progress=True)
    ]
    click.echo(text_table(["field", "type", "count", "size", "bytes", "mean", "std"], rows))


@click.command(short_help="Check that a dataset is what it says it is.")
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Check only names, sizes and records.")
@click.option(
    "--rerender",
    type=int,
    default=0,
    help="Re-render this many random samples and compare pixels; needs --bg and --fg.",
)
@click.option("--bg", type=click.Path(path_type=Path), help="Take backgrounds from this folder, for --rerender.")
@click.option("--fg", type=click.Path(path_type=Path), help="Take foregrounds from this folder, for --rerender.")
@click.option("--seed", type=int, default=0, help="Re-render other random samples.  [0]")
@click.option(
    "--condemn", is_flag=True, help="Remove the records of bad shards, so that the same build makes them again."
)
@click.option("--jobs", "-j", type=int, default=0, help="Use this many processes; 0 is one for each core.  [0]")
@user_errors
def verify(shards: Path, **options: Any) -> None:
    """Check that a dataset is what it says it is; exit with status 1 if it is not.

    Reads every sample and changes nothing (--condemn removes records of bad shards, and no data).

    \b
      fgbg-data verify shards/
      fgbg-data verify shards/ --rerender 100 --bg bg/ --fg fg/
      fgbg-data verify shards/ --condemn    # then the same build again
    """
    from fgbg_data import verify as verify_dataset

    report = verify_dataset(shards, progress=True, **options)
    _print_report(report, quick=options["quick"])
    sys.exit(0 if report.ok else 1)


COMMANDS = (info, stats, verify)


def _info_text(shards: str, about: dict[str, Any]) -> str:
    from fgbg_data.text import format_bytes

    state = {True: "complete", False: "build not finished", None: "no dataset.json"}[about["complete"]]
    size = f", {format_bytes(about['bytes'])}" if about["bytes"] else ""
    lines = [f"{shards}: {about['samples']:,} samples as {' and '.join(about['formats'])}{size} ({state})"]
    for name, split in about["splits"].items():
        kinds = ("sample", "shard", "background", "foreground")
        counts = [counted(split[f"{kind}s"], kind) for kind in kinds if f"{kind}s" in split]
        lines.append(f"  {name}: {', '.join(counts)}")
    for name, field in about["fields"].items():
        shape = " x ".join(str(side) for side in field["shape"])
        label = f" ({field['label']})" if "label" in field else ""
        lines.append(f"  {name}: {field['dtype']}{f' {shape}' if shape else ''}{label}")
    if about["estimator"]:
        licence = about["estimator"].get("licence")
        lines.append(f"  depth by {about['estimator']['name']}{f', licence {licence}' if licence else ''}")
    if about["config"]:
        shown = {name: value for name, value in about["config"].items() if value is not None}
        lines.append("  options: " + " ".join(f"{name}={_plain(value)}" for name, value in shown.items()))
    return "\n".join([*lines, f"  fingerprint {about['fingerprint']}"])


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def _print_report(report: "Report", *, quick: bool) -> None:
    for problem in report.problems:
        click.echo(str(problem))
    for note in report.notes:
        click.echo(f"note: {note}")
    for path in report.condemned:
        click.echo(f"removed the record {path}")
    checked = f"{counted(report.samples, 'sample')} in {counted(report.shards, 'shard')}"
    if report.ok:
        click.echo(f"{report.path}: {checked}: {'records and sizes are' if quick else 'all is'} as it should be")
        return
    click.echo(f"{report.path}: {counted(len(report.problems), 'problem')} in {checked}")
    if report.condemned:
        click.echo("run the same fgbg-data build command: it makes the condemned shards again")
    elif report.bad_shards:
        click.echo("to mend it: fgbg-data verify --condemn, then the same fgbg-data build command")
