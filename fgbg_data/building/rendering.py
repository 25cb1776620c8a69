"""Make a sample of a composite: encode its image, decode it again, describe it in meta, and encode depth as codes."""

import numpy as np

from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.codecs.pictures import decode_pixels, encode_image
from fgbg_data.compositing.compose import Composite
from fgbg_data.compositing.plan import Placement
from fgbg_data.config import BuildConfig
from fgbg_data.errors import EstimatorError, option
from fgbg_data.fields import FIELDS
from fgbg_data.fields.boxes import tight_box
from fgbg_data.sample import Array, Meta, Sample


def finish_sample(config: BuildConfig, placement: Placement, composite: Composite) -> Sample:
    """Make a sample of a composite. Its image is encoded and decoded again, so that it is what a reader decodes."""
    data = encode_image(composite.image, config.image_format, config.quality)
    height, width = config.canvas
    meta: Meta = {
        "key": placement.key,
        "background": placement.background,
        "foreground": placement.foreground,
        "position": placement.position,
        "mirrored": placement.mirrored,
        "box": [placement.top, placement.left, placement.height, placement.width],
        "bbox_xywh": tight_box(composite.mask),
        "scale": round(max(placement.height / height, placement.width / width), 6),
        "attempt": placement.attempt,
        "mask_area_px": int(np.count_nonzero(composite.mask)),
    }
    image = decode_pixels(data, FIELDS["image"].file_type, placement.key)
    arrays = {"image": image, "mask": composite.mask}
    return Sample(key=placement.key, meta=meta, arrays=arrays, files={"image": data})


def store_depth(
    sample: Sample, field: str, depth: Array, *, bits: int, shape: tuple[int, int], by: str, composed: bool = False
) -> Sample:
    """Return a sample with the codes of a field of depth, and with their range in its meta.

    Args:
        sample: the sample without that field.
        field: name of the field.
        depth: (H, W) float32.
        bits: bits of the codes.
        shape: (height, width) of the codes.
        by: name of the estimator, for the text of an error.
        composed: whether the depth is composed, and not inferred.

    Raises:
        EstimatorError: the depth is not finite.
    """
    if not np.isfinite(depth).all():
        raise EstimatorError(f"{option('depth', by)} gave a depth that is not finite", sample.key)
    if depth.shape != shape:
        import cv2

        # An average over an edge is a depth at which nothing stands, so composed depth takes the nearest value.
        how = cv2.INTER_NEAREST_EXACT if composed else cv2.INTER_AREA
        depth = cv2.resize(depth, shape[::-1], interpolation=how)
    codes, low, high = quantise_depth(depth, bits)
    return sample.with_field(field, codes, {f"{field}_min": low, f"{field}_max": high, "depth_bits": bits})
