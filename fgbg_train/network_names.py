"""The names of networks: `FAMILY` or `FAMILY:ENCODER`, such as `hu2019:resnet50`."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from fgbg_train.errors import ConfigError


class Family(NamedTuple):
    """A family of networks: where its class is, and the encoder that it has when none is named."""

    target: str
    encoder: str | None


FAMILIES = {
    "hu2019": Family("fgbg_train.models.hu2019:Hu2019", "resnet50"),
    "light": Family("fgbg_train.models.hu2019:Light", "efficientnet_lite0"),
    "autoed": Family("fgbg_train.models.drn:AutoED", None),
}


def split_name(name: str) -> tuple[str, str | None]:
    """Split `FAMILY[:ENCODER]`; the family's own encoder where none is named.

    >>> split_name("light")
    ('light', 'efficientnet_lite0')

    Raises:
        ConfigError: there is no such family, or it takes no encoder.
    """
    family, colon, encoder = name.partition(":")
    if family not in FAMILIES:
        near = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FAMILIES)}"
        raise ConfigError(f"network {name!r}: no family {family!r}; {hint}")
    default = FAMILIES[family].encoder
    if not colon:
        return family, default
    if default is None:
        raise ConfigError(f"network {name!r}: {family} has its own encoder; write {family!r}")
    if not encoder:
        raise ConfigError(f"network {name!r}: an encoder is missing after the colon")
    return family, encoder
