"""The commands that show a dataset to a person: preview and view."""

from pathlib import Path
from typing import Any

import click

from fgbg_data.cli.common import SHARDS, user_errors
from fgbg_data.command_line import Command


@click.command(cls=Command, aliases={"--num-samples": "--count"}, short_help="Draw a contact sheet of some samples.")
@SHARDS
@click.option("--out", "-o", type=click.Path(path_type=Path), default="sheet.png", help="Write this PNG.  [sheet.png]")
@click.option("--count", "-n", default=8, help="Show this many random samples.  [8]")
@click.option("--split", default="train", help="Take samples from this split.  [train]")
@click.option("--key", "keys", multiple=True, help="Show the sample with this key instead; may be given again.")
@click.option("--background", help="Show only samples on the background with this id.")
@click.option("--foreground", help="Show only samples of the foreground with this id.")
@click.option("--seed", default=0, help="Set the seed of the choice of samples.  [0]")
@user_errors
def preview(shards: str, out: Path, **options: Any) -> None:
    """Draw a contact sheet: image, outline of the mask over it, mask, and the fields of depth.

    \b
      fgbg-data preview shards/ -n 12 -o sheet.png
    """
    from fgbg_data import preview as draw_sheet

    click.echo(f"look at {draw_sheet(shards, out, **options)}")


@click.command(
    cls=Command,
    aliases={"--num-samples": "--samples"},
    sections={
        "Source pictures": ("bg", "fg"),
        "A page that is served": ("port", "host", "show"),
        "A page as a file": ("out", "samples", "seed"),
    },
    short_help="Look at a dataset in the browser, or export it as one page.",
)
@SHARDS
@click.option("--bg", type=click.Path(), help="Show backgrounds beside samples, from this folder or URL.")
@click.option("--fg", type=click.Path(), help="Show cut-outs beside samples, from this folder or URL.")
@click.option("--port", "-p", default=8765, help="Listen on this port; 0 is any free one.  [8765]")
@click.option(
    "--host", default="127.0.0.1", help="Listen on this address; only this machine reaches the default.  [127.0.0.1]"
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option("--export", "-o", "out", type=click.Path(path_type=Path), help="Write one HTML file instead.")
@click.option("--samples", "-n", default=200, help="Put this many random samples in the file.  [200]")
@click.option("--seed", default=0, help="Set the seed of the choice of samples for the file.  [0]")
@user_errors
def view(
    shards: str, port: int, host: str, show: bool, out: Path | None, samples: int, seed: int, **sources: str | None
) -> None:
    """Look at a dataset in the browser: a page with all samples, overlays, filters, marks and statistics.

    \b
      fgbg-data view shards/
      fgbg-data view shards/ --bg bg/ --fg fg/       # with the source pictures
      fgbg-data view shards/ --export report.html    # one file, for others
    """
    from fgbg_data import export_page
    from fgbg_data import view as serve

    if out is not None:
        export_page(shards, out, samples=samples, seed=seed, **sources)
        click.echo(f"wrote {out}")
        return

    def ready(url: str) -> None:
        click.echo(f"{shards} is at {url} (Ctrl-C ends it)")
        if host not in ("127.0.0.1", "localhost"):
            click.echo("other machines can reach it, and see the whole dataset", err=True)
        if show:
            click.launch(url)

    serve(shards, host=host, port=port, ready=ready, **sources)


COMMANDS = (preview, view)
