"""Format versions: what each version of datasets fixes, and which versions can be read and verified.

`dataset.json` and every record state the version of their own files. `identity.format_version` in `dataset.json` states
the version by which the pixels and keys were made: a dataset that is converted keeps it.
"""

from dataclasses import dataclass
from typing import Literal

FORMAT_VERSION = 3
"""The version that this package writes. It rises with any change of pixels, keys, plan or file layout, and is part of
every fingerprint."""


@dataclass(frozen=True, kw_only=True)
class FormatRules:
    """What one format version fixes."""

    digest: Literal["blake2b", "xxh3_128"]
    """How the pixels of a sample are digested in its record."""
    id_length: int
    """Longest id of a source, in characters."""
    visible_alpha: int
    """Smallest alpha, of 255, of a pixel that belongs to a cut-out: fainter pixels do not decide its box, and neither
    do specks. With 1, the box holds every pixel that is not fully transparent."""
    true_colours: bool
    """Whether sources are converted to sRGB by their colour profiles, and grey TIFFs are read as their tags say."""
    tight_box: bool
    """Whether meta holds `bbox_xywh`, the smallest box around the mask."""
    fixed_length_text: bool
    """Whether HDF5 holds keys and meta as byte strings of one length, and not as strings of variable length."""


RULES: dict[int, FormatRules] = {
    1: FormatRules(
        digest="blake2b", id_length=40, visible_alpha=1, true_colours=False, tight_box=False, fixed_length_text=False
    ),
    2: FormatRules(
        digest="blake2b", id_length=40, visible_alpha=1, true_colours=False, tight_box=False, fixed_length_text=False
    ),
    3: FormatRules(
        digest="xxh3_128", id_length=32, visible_alpha=8, true_colours=True, tight_box=True, fixed_length_text=True
    ),
}
"""Version -> its rules, of the versions that can be read.

1 resized cut-outs with other filters than 2, and digested masks as bytes; 2 digests masks as bits, as 3 does. The ids
of 3 are short enough that a key fits into a tar with the suffix of any field.
"""

VERIFIABLE_VERSIONS = (2, 3)
"""Versions whose digests and pixels this package can make again."""


def rules_of(version: int) -> FormatRules:
    """Return the rules of a format version.

    Raises:
        KeyError: this package cannot read the version.
    """
    return RULES[version]
