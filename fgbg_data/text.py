"""Numbers, sizes and durations as people read them."""


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
