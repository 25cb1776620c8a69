"""Numbers, sizes, durations and tables as people read them."""

from collections.abc import Sequence


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, for texts that people read.

    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_bytes(count: float) -> str:
    """Return a size for people.

    >>> format_bytes(9_800_000_000)
    '9.8 GB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def format_seconds(seconds: float) -> str:
    """Return a duration for people.

    >>> format_seconds(3725)
    '1 h 02 min'
    """
    if seconds != seconds:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text: the first column to the left, the others to the right.

    >>> print(text_table(["split", "samples"], [["train", "1,200"], ["val", "40"]]))
    split  samples
    -----  -------
    train    1,200
    val         40
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
