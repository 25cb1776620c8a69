"""The commands that read a dataset: info, stats, verify, preview."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import print_table, user_errors
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.checking.verify import Report

SHARDS = click.argument("shards")


@click.command(short_help="Say what a dataset is: counts, splits, sizes, configuration.")
@SHARDS
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@user_errors
def info(shards: str, as_json: bool) -> None:
    """Say what a dataset is: counts, splits, sizes, estimator, configuration."""
    from fgbg_data.dataset.info import info as dataset_info

    about = dataset_info(shards)
    click.echo(json.dumps(about, indent=1, ensure_ascii=False) if as_json else _info_text(shards, about))


@click.command(short_help="Print the table of fields: count, size, mean, deviation.")
@SHARDS
@click.option("--split", help="Only this split.  [all]")
@click.option("--recompute", is_flag=True, help="Read every pixel again, instead of the sums in the records.")
@click.option("--format", "form", help="Of which files, where a dataset holds several.  [the fastest to read]")
@click.option("--jobs", "-j", type=int, default=0, help="Processes for --recompute; 0 is one a core.  [0]")
@user_errors
def stats(shards: str, split: str | None, recompute: bool, form: str | None, jobs: int) -> None:
    """Print the table of fields: type, count, size, bytes, mean, standard deviation.

    Mean and standard deviation are over all pixels of all samples, on a scale from 0 to 1, and exact.
    """
    from rich.console import Console
    from rich.table import Table

    from fgbg_data.checking.stats import stats as dataset_stats
    from fgbg_data.text import format_bytes

    rows = dataset_stats(shards, split, recompute=recompute, format=form, jobs=jobs, console=Console(stderr=True))
    table = Table("field", "type", "count", "size", "bytes", "mean", "std")
    for row in rows:
        table.add_row(
            row.name,
            row.dtype,
            f"{row.count:,}",
            " x ".join(str(side) for side in row.shape) or "-",
            "-" if row.bytes is None else format_bytes(row.bytes),
            " ".join(f"{value:.4f}" for value in row.mean) or "-",
            " ".join(f"{value:.4f}" for value in row.std) or "-",
        )
    print_table(table)


@click.command(short_help="Check that a dataset is what it says it is.")
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Look at names, sizes and records only.")
@click.option("--rerender", type=int, default=0, help="Compose so many samples again and compare; needs --bg --fg.")
@click.option("--bg", type=click.Path(path_type=Path), help="Folder of the backgrounds, for --rerender.")
@click.option("--fg", type=click.Path(path_type=Path), help="Folder of the foregrounds, for --rerender.")
@click.option("--seed", type=int, default=0, help="Which samples --rerender takes.  [0]")
@click.option("--condemn", is_flag=True, help="Remove the records of bad shards: the same build makes them again.")
@click.option("--jobs", "-j", type=int, default=0, help="Processes; 0 is one a core.  [0]")
@user_errors
def verify(shards: Path, **options: Any) -> None:
    """Check that a dataset is what it says it is; exit with status 1 if it is not.

    Reads every sample and changes nothing (--condemn removes records of bad shards, and no data).

    \b
      fgbg-data verify shards/
      fgbg-data verify shards/ --rerender 100 --bg bg/ --fg fg/
      fgbg-data verify shards/ --condemn    # then the same build again
    """
    from rich.console import Console

    from fgbg_data.checking.verify import verify as verify_dataset

    report = verify_dataset(shards, console=Console(stderr=True), **options)
    _print_report(report, quick=options["quick"])
    sys.exit(0 if report.ok else 1)


@click.command(short_help="Draw a contact sheet of some samples.")
@SHARDS
@click.option("--out", "-o", type=click.Path(path_type=Path), default=Path("sheet.png"), help="PNG.  [sheet.png]")
@click.option("--split", default="train", help="Which split.  [train]")
@click.option("--key", "keys", multiple=True, help="A sample to show; may be given again.")
@click.option("--count", "-n", type=int, default=8, help="Samples taken at random.  [8]")
@click.option("--seed", type=int, default=0, help="Which ones.  [0]")
@click.option("--background", help="Only samples on this background (its id).")
@click.option("--foreground", help="Only samples with this foreground (its id).")
@user_errors
def preview(shards: str, out: Path, **options: Any) -> None:
    """Draw a contact sheet: image, outline of the mask over it, mask and what depth there is."""
    from fgbg_data.viewing.preview import preview as draw_sheet

    click.echo(f"look at {draw_sheet(shards, out, **options)}")


COMMANDS = (info, stats, verify, preview)


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
