"""The names of networks: `FAMILY` or `FAMILY:ENCODER`, such as `hu2019:resnet50`."""

from __future__ import annotations

from typing import NamedTuple

from fgbg_data.options import nearest
from fgbg_train.errors import ConfigError


def check_encoder(name: str) -> None:
    """Require the name of an encoder of timm.

    Raises:
        ConfigError: timm does not know it.
    """
    import timm

    if not timm.is_model(name):
        near = [*timm.list_models(f"{name}*"), *timm.list_models(f"*{name}*")][:3]
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists all"
        raise ConfigError(f"{name!r} is no encoder of timm; {hint}")


class Family(NamedTuple):
    """A family of networks, which share everything but the encoder."""

    target: str
    """Where the class of the network is: `module:class`."""
    encoder: str | None
    """The encoder if the name gives none; None for a family with an encoder of its own."""


FAMILIES = {
    "hu2019": Family("fgbg_train.models.hu2019:Hu2019", "resnet50"),
    "light": Family("fgbg_train.models.light:Light", "efficientnet_lite0"),
    "autoed": Family("fgbg_train.models.drn:AutoED", None),
}


def split_name(name: str) -> tuple[str, str | None]:
    """Split the name of a network into family and encoder; without an encoder, take the default of the family.

    >>> split_name("light")
    ('light', 'efficientnet_lite0')

    Raises:
        ConfigError: there is no such family, or the family takes no encoder.
    """
    family, colon, encoder = name.partition(":")
    if family not in FAMILIES:
        hint = nearest(family, FAMILIES) or f"; expected one of {', '.join(FAMILIES)}"
        raise ConfigError(f"network {name!r}: there is no family {family!r}{hint}")
    default = FAMILIES[family].encoder
    if not colon:
        return family, default
    if default is None:
        raise ConfigError(f"network {name!r}: {family} has its own encoder; write {family!r}")
    if not encoder:
        raise ConfigError(f"network {name!r}: an encoder is missing after the colon")
    return family, encoder
