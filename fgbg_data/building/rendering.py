"""A composite becomes a sample: encoded, decoded again, and described."""

import numpy as np

from fgbg_data.codecs.pictures import decode_pixels, encode_image
from fgbg_data.compositing.compose import Composite
from fgbg_data.compositing.plan import Placement
from fgbg_data.config import BuildConfig
from fgbg_data.fields import FIELDS
from fgbg_data.fields.boxes import tight_box
from fgbg_data.sample import Meta, Sample


def finish_sample(config: BuildConfig, placement: Placement, composite: Composite) -> Sample:
    """Encode a composite and decode it again: the image of a sample is what a reader decodes."""
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
