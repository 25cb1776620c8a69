"""Numbers, sizes, durations, tables and errors as people read them."""

import hashlib
import re
import textwrap
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


def first_line(error: BaseException) -> str:
    r"""Return the first line of the text of an error, or the name of its class if it has no text.

    >>> first_line(ValueError("no such layer\nat 0x7f")), first_line(MemoryError())
    ('no such layer', 'MemoryError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def short_name(name: str, longest: int) -> str:
    """Return the name of a file, shortened to at most `longest` bytes; a digest keeps shortened names apart.

    >>> short_name("hall", 255), short_name("hall" * 100, 20)
    ('hall', 'hallhal-51d15316343b')
    """
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) <= longest:
        return name
    digest = hashlib.blake2b(encoded, digest_size=6).hexdigest()
    return f"{encoded[: longest - len(digest) - 1].decode('utf-8', 'ignore')}-{digest}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return a table of plain text; columns of numbers are aligned to the right, others to the left.

    Args:
        header: the names of the columns.
        rows: the cells of each row.
        width: columns of the terminal; a wider table becomes one paragraph for each row. With None, it stays a table.

    >>> print(text_table(["split", "samples"], [["train", "1,200"], ["val", "40"]]))
    split  samples
    -----  -------
    train    1,200
    val         40
    >>> print(text_table(["split", "samples"], [["train", "1,200"], ["val", "40"]], width=12))
    train
      samples: 1,200
    val
      samples: 40
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        return "\n".join(_paragraph(header, row, width) for row in rows)
    numeric = [all(cell[:1] in _NUMERIC for cell in column[1:]) for column in columns]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


_NO_VALUE = ("", "-")
_NUMERIC = {*"0123456789", *_NO_VALUE}
"""How the cells of a column of numbers begin."""
_KEPT_SPACE = "\u00a0"
"""A space at which no line is broken."""


def _paragraph(header: Sequence[str], row: Sequence[str], width: int) -> str:
    """Return a row of a table as its first cell, and below it the others with the names of their columns."""
    named = [f"{name}: {cell}" for name, cell in zip(header[1:], row[1:], strict=True) if cell not in _NO_VALUE]
    text = wrapped(", ".join(pair.replace(" ", _KEPT_SPACE) for pair in named), width, indent=2)
    return f"{row[0]}\n{text}".replace(_KEPT_SPACE, " ").rstrip()


def wrapped(text: str, width: int, indent: int = 0) -> str:
    """Return text in lines of at most `width` columns; longer words stay whole.

    >>> print(wrapped("size=224x224 depth=tiny", 16, indent=2))
      size=224x224
      depth=tiny
    """
    space = " " * indent
    return textwrap.fill(
        text,
        width,
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )


def markdown(text: str) -> str:
    """Return text of a user, escaped so that Markdown and HTML show it as it is, in one line, and also in a table.

    >>> markdown("CC-BY <b>4.0</b> & more")
    'CC-BY &lt;b&gt;4.0&lt;/b&gt; &amp; more'
    """
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[\\`*_|!$\[\]]", r"\\\g<0>", line)
