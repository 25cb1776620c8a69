"""Names of files and folders that operating systems and their tools make, and that no user means."""

SYSTEM_NAMES = frozenset(
    {
        *("lost+found", "aquota.user", "aquota.group"),  # roots of ext4 volumes
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler"),  # Windows
        *("system volume information", "found.000"),
        *("__macosx", "icon\r", "network trash folder", "temporary items"),  # macOS, also inside of zips
        *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "@tmp", "@sharebin"),  # storage boxes
    }
)
"""Names in lower case that are not hidden by a dot."""


def is_system_file(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or made by an operating system.

    >>> [is_system_file(name) for name in ("lost+found", ".DS_Store", "._room.jpg", "Thumbs.db", "room.jpg")]
    [True, True, True, True, False]

    Args:
        name: the name alone, without its folder.
    """
    return name.startswith(".") or name.lower() in SYSTEM_NAMES
