"""The commands that make a dataset of datasets, convert, merge and split; and view."""

from pathlib import Path
from typing import Any

import click

from fgbg_data.cli.common import make_dataset, print_made, user_errors

OUT = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that becomes the dataset.")
JOBS = click.option("--jobs", "-j", default=0, help="Worker processes; 0 is one a core.  [0]")
CHECK = click.option("--check", is_flag=True, help="When going on, compare sha256 of finished shards, not only sizes.")


@click.command(short_help="Write a dataset in another format: tar, hdf5, loose files.")
@click.argument("shards")
@click.option("--format", required=True, metavar="tar|hdf5|folder|tar,hdf5", help="What to write.")
@OUT
@click.option("--image-format", metavar="jpg|png", help="Of image files.  [as they are]")
@click.option("--reencode", is_flag=True, help="Allow JPEGs to be made of pixels: a new generation, other pixels.")
@click.option("--quality", default=95, help="Of JPEGs made by --reencode.  [95]")
@click.option("--hdf5-layout", default="pixels", metavar="pixels|encoded", help="As in build.  [pixels]")
@JOBS
@CHECK
@user_errors
def convert(shards: str, out: Path, **options: Any) -> None:
    """Write a dataset in another format: tar, hdf5, or a folder of loose files, each to each.

    Masks, depth and meta stay as they are, and image files too, byte by byte, where the codec stays. The same
    command goes on where a stopped one was.

    \b
      fgbg-data convert shards/ --format hdf5 --out shards-h5/
      fgbg-data convert shards/ --format folder --out files/    # KEY.jpg, ...
      fgbg-data convert shards-h5/ --format tar --image-format png --out s-png/
    """
    from fgbg_data.deriving.convert import convert as convert_dataset

    print_made(out, make_dataset(out, lambda console: convert_dataset(shards, out, console=console, **options)))


@click.command(short_help="Join datasets of equal fields and shapes into one.")
@click.argument("shards", nargs=-1, required=True)
@OUT
@click.option("--prefix", "prefixes", multiple=True, metavar="TEXT", help="One a dataset, in order: PREFIX_KEY.")
@click.option("--pool", is_flag=True, help="Put all samples into train, to be split anew.")
@JOBS
@CHECK
@user_errors
def merge(shards: tuple[str, ...], out: Path, **options: Any) -> None:
    """Join datasets of equal fields and shapes into one; splits of one name are joined.

    Keys that collide are refused, and so is a source that one dataset holds out and another trains on.

    \b
      fgbg-data merge indoor/ outdoor/ --out both/
      fgbg-data merge a/ b/ --prefix a --prefix b --out both/
    """
    from fgbg_data.deriving.merge import merge as merge_datasets

    print_made(out, make_dataset(out, lambda console: merge_datasets(shards, out, console=console, **options)))


@click.command(short_help="Share samples out to splits anew, by their sources.")
@click.argument("shards")
@OUT
@click.option("--val", default=0.1, help="Share of the sources (see --holdout) whose samples are val.  [0.1]")
@click.option("--test", default=0.1, help="Share of the sources whose samples are test.  [0.1]")
@click.option(
    "--holdout", default="background", metavar="background|foreground|both|sample", help="As in build.  [background]"
)
@click.option("--seed", default=0, help="Which sources are held out.  [0]")
@click.option("--shard-size", default=1000, help="Samples in a shard.  [1000]")
@JOBS
@CHECK
@user_errors
def split(shards: str, out: Path, **options: Any) -> None:
    """Share the samples of a dataset out to splits anew, by their sources; files and pixels stay as they are.

    \b
      fgbg-data split shards/ --val 0.2 --holdout foreground --out resplit/
    """
    from fgbg_data.deriving.resplit import resplit

    print_made(out, make_dataset(out, lambda console: resplit(shards, out, console=console, **options)))


@click.command(short_help="Look at a dataset in the browser, or export it as one page.")
@click.argument("shards")
@click.option("--port", default=8765, help="0 is any free one.  [8765]")
@click.option("--host", default="127.0.0.1", help="Address to listen on; this machine alone by default.  [127.0.0.1]")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option("--export", "out", type=click.Path(path_type=Path), help="Write one HTML file instead.")
@click.option("--samples", default=200, help="Samples in that file, taken at random.  [200]")
@click.option("--seed", default=0, help="Which ones.  [0]")
@user_errors
def view(shards: str, port: int, host: str, show: bool, out: Path | None, samples: int, seed: int) -> None:
    """Look at a dataset in the browser: a page with all samples, overlays, filters and statistics.

    \b
      fgbg-data view shards/
      fgbg-data view shards/ --export report.html    # one file, for others
    """
    from fgbg_data.viewing.view import export
    from fgbg_data.viewing.view import view as serve

    if out is not None:
        export(shards, out, count=samples, seed=seed)
        click.echo(f"wrote {out}")
        return

    def ready(url: str) -> None:
        click.echo(f"{shards} is at {url} (Ctrl-C ends it)")
        if host not in ("127.0.0.1", "localhost"):
            click.echo("other machines can reach it, and see the whole dataset", err=True)
        if show:
            click.launch(url)

    serve(shards, host=host, port=port, ready=ready)


COMMANDS = (convert, merge, split, view)
