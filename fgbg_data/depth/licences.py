"""Licences of estimators: which of them allow only non-commercial use."""

import warnings

from fgbg_data.depth.estimator import Identity


def is_non_commercial(licence: str) -> bool:
    """Tell whether a licence allows only research or other non-commercial use.

    >>> is_non_commercial("CC-BY-NC-4.0"), is_non_commercial("apple-amlr"), is_non_commercial("Apache-2.0")
    (True, True, False)
    """
    words = licence.lower().replace("_", "-").split("-")
    return "nc" in words or "amlr" in words or "research" in words or "noncommercial" in words


def warn_of_licence(identity: Identity) -> None:
    """Warn if the licence of an estimator allows only non-commercial use of the model or of its output."""
    licence = str(identity.get("licence", ""))
    if is_non_commercial(licence):
        warnings.warn(
            f"{identity['name']}: its licence, {licence}, is for non-commercial use only; the dataset card names it",
            stacklevel=2,
        )
