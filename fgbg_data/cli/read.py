"""The commands that answer questions about a dataset: info, stats and verify."""

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import (
    JOBS_ALIAS,
    SHARDS,
    format_channels,
    format_shape,
    user_errors,
)
from fgbg_data.command_line import Command, print_table, terminal_width
from fgbg_data.text import counted, format_bytes, wrapped

if TYPE_CHECKING:
    from fgbg_data.checking.report import VerifyReport


@click.command(short_help="Print what a dataset is: counts, splits, fields, options.")
@SHARDS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@user_errors
def info(shards: str, as_json: bool) -> None:
    """Print what a dataset is: its size, splits, fields, estimator, and the options that it was built with.

    \b
      fgbg-data info shards/
      fgbg-data info shards/ --json
    """
    from fgbg_data import info as dataset_info

    about = dataset_info(shards)
    if as_json:
        click.echo(json.dumps(about, indent=1, ensure_ascii=False))
    else:
        _print_info(shards, about)


@click.command(cls=Command, aliases=JOBS_ALIAS, short_help="Print a table of the fields: count, size, mean, deviation.")
@SHARDS
@click.option("--split", help="Count only this split.  [all]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text, with all digits.")
@click.option("--recompute", is_flag=True, help="Read every pixel again, instead of the sums in the records.")
@click.option("--format", help="Read this format, if there are several.  [the fastest to read]")
@click.option(
    "--jobs", "-j", default=0, help="Use this many worker processes for --recompute; 0 is one for each core.  [0]"
)
@user_errors
def stats(shards: str, split: str | None, as_json: bool, **options: Any) -> None:
    """Print a table of the fields: type, count, size, bytes, mean, standard deviation.

    Mean and standard deviation are over all pixels of all samples, on a scale from 0 to 1, and exact.

    \b
      fgbg-data stats shards/
      fgbg-data stats shards/ --split val --recompute
    """
    from fgbg_data import stats as dataset_stats

    found = dataset_stats(shards, split, progress=True, **options)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in found], indent=1))
        return
    rows = [
        [
            row.name,
            row.dtype,
            f"{row.count:,}",
            format_shape(row.shape),
            "-" if row.bytes is None else format_bytes(row.bytes),
            format_channels(row.mean),
            format_channels(row.std),
        ]
        for row in found
    ]
    print_table(["field", "type", "count", "size", "bytes", "mean", "std"], rows)


@click.command(
    cls=Command,
    aliases=JOBS_ALIAS | {"--condemn": "--discard-bad"},
    sections={
        "What is checked": ("quick", "rerender", "bg", "fg", "seed"),
        "How it runs": ("discard_bad", "jobs"),
    },
    short_help="Check that a dataset is what it says it is.",
)
@SHARDS
@click.option("--quick", is_flag=True, help="Check only names, sizes and records.")
@click.option(
    "--rerender",
    default=0,
    metavar="N",
    help="Also render this many random samples again and compare pixels; needs --bg and --fg.  [0]",
)
@click.option("--bg", type=click.Path(), help="Take backgrounds from this folder or URL, for --rerender.")
@click.option("--fg", type=click.Path(), help="Take cut-outs from this folder or URL, for --rerender.")
@click.option("--seed", default=0, help="Set the seed of the choice of samples for --rerender.  [0]")
@click.option(
    "--discard-bad", is_flag=True, help="Remove the records of bad shards, so that the same build makes them again."
)
@click.option("--jobs", "-j", default=0, help="Use this many worker processes; 0 is one for each core.  [0]")
@user_errors
def verify(shards: str, **options: Any) -> None:
    """Check that a dataset is what it says it is; exit with status 1 if it is not.

    It reads every sample and changes nothing. Only --discard-bad removes the records of bad shards, and never data.

    \b
      fgbg-data verify shards/
      fgbg-data verify shards/ --rerender 100 --bg bg/ --fg fg/
      fgbg-data verify shards/ --discard-bad    # then the same build again
    """
    from fgbg_data import verify as verify_dataset

    report = verify_dataset(shards, progress=True, **options)
    _print_report(report, quick=options["quick"])
    sys.exit(0 if report.ok else 1)


COMMANDS = (info, stats, verify)


def _print_info(shards: str, about: dict[str, Any]) -> None:
    """Print what `info` returns."""
    state = {True: "complete", False: "the build is not finished", None: "without dataset.json"}[about["complete"]]
    size = f", {format_bytes(about['bytes'])}" if about["bytes"] else ""
    of = f" of {about['planned_samples']:,}" if "planned_samples" in about else ""
    click.echo(f"{shards}: {about['samples']:,}{of} samples as {' and '.join(about['formats'])}{size} ({state})\n")
    counts = [name for name in ("samples", "shards", "backgrounds", "foregrounds") if name in _first(about["splits"])]
    rows = [[name, *(_count(split, count) for count in counts)] for name, split in about["splits"].items()]
    print_table(["split", *counts], rows)
    click.echo()
    made, fields = _how_made(about), about["fields"]
    rows = [
        [name, fields[name]["dtype"], format_shape(fields[name]["shape"]), made.get(name, "")]
        for name in _ordered(fields)
    ]
    print_table(["field", "type", "size", "made"], rows)
    click.echo()
    if about["config"]:
        given = {name: value for name, value in about["config"].items() if value is not None}
        options = " ".join(f"{name}={_as_typed(value)}" for name, value in given.items())
        click.echo(f"options:\n{wrapped(options, terminal_width() or 110, indent=2)}")
    click.echo(f"fingerprint: {about['fingerprint']}")


def _count(split: dict[str, Any], name: str) -> str:
    """Return a number of a split, with the planned one where the build is not finished."""
    planned = split.get(f"planned_{name}")
    return f"{split[name]:,}" if planned is None else f"{split[name]:,} of {planned:,}"


def _first(entries: dict[str, Any]) -> Any:
    return next(iter(entries.values()))


def _ordered(fields: dict[str, Any]) -> list[str]:
    """Return the names of fields in the order of a tar; `dataset.json` sorts them by the alphabet."""
    from fgbg_data.fields import fields_in_order

    known = fields_in_order(fields)
    return [*known, *sorted(fields.keys() - set(known))]


def _how_made(about: dict[str, Any]) -> dict[str, str]:
    """Return how each field of depth was made, such as `inferred by tiny`."""
    labels = {name: field["label"] for name, field in about["fields"].items() if "label" in field}
    if not about["estimator"]:
        return labels
    licence = about["estimator"].get("licence")
    by = f" by {about['estimator']['name']}{f', licence {licence}' if licence else ''}"
    return {name: label + by for name, label in labels.items()}


def _as_typed(value: Any) -> str:
    """Return the value of an option as one types it."""
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _print_report(report: "VerifyReport", *, quick: bool) -> None:
    """Print what `verify` found, and what to do about it."""
    for problem in report.problems:
        click.echo(str(problem))
    for note in report.notes:
        click.echo(f"note: {note}")
    for path in report.discarded:
        click.echo(f"removed the record {path}")
    checked = f"{counted(report.samples, 'sample')} in {counted(report.shards, 'shard')}"
    if report.ok:
        again = f" ({counted(report.rerendered, 'sample')} rendered again, identical)" if report.rerendered else ""
        click.echo(
            f"{report.path}: {checked}: OK, {'records and sizes agree' if quick else 'no problems found'}{again}"
        )
        return
    click.echo(f"{report.path}: {counted(len(report.problems), 'problem')} in {checked}")
    if report.discarded:
        click.echo("run the same fgbg-data build command: it makes these shards again")
    elif report.bad_shards and not report.has_manifest:
        click.echo("no command can make these shards again without dataset.json: copy them again")
    elif report.bad_shards:
        click.echo("to mend it: fgbg-data verify --discard-bad, then the same fgbg-data build command")
