"""The names of metrics, in the order in which logs and tables show them; `measure.metrics` computes them."""

MASK_METRICS = ("mask_iou", "mask_dice", "mask_f1")
DEPTH_METRICS = ("mse", "rmse", "mae", "abs_rel", "lg10", "delta1", "delta2", "delta3")
PER_IMAGE = "_img"
"""Suffix of metrics that are means over images; all others are pooled over all pixels."""


def with_per_image(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return each name, followed by its variant that is a mean over images.

    >>> with_per_image(("rmse",))
    ('rmse', 'rmse_img')
    """
    return tuple(name + suffix for name in names for suffix in ("", PER_IMAGE))


METRICS = with_per_image(MASK_METRICS + DEPTH_METRICS)
"""Every name."""
