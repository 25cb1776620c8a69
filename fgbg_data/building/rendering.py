"""Make a sample of a composite: encode its image, decode it again, describe it in meta, and encode depth as codes."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.codecs.pictures import decode_pixels, encode_image
from fgbg_data.compositing.compose_scene import SceneComposite, amodal_bits
from fgbg_data.compositing.figures import Figure
from fgbg_data.compositing.scene import Decoy
from fgbg_data.config import BuildConfig
from fgbg_data.errors import EstimatorError, option
from fgbg_data.fields import FIELDS
from fgbg_data.fields.boxes import tight_box
from fgbg_data.key import SampleKey
from fgbg_data.sample import Array, Meta, Sample


def finish_sample(
    config: BuildConfig,
    key: SampleKey,
    figures: Sequence[Figure],
    decoys: Sequence[Figure],
    composite: SceneComposite,
) -> Sample:
    """Make a sample of a composite. Its image is encoded and decoded again, so that it is what a reader decodes.

    Args:
        config: the configuration of the build.
        key: key of the sample.
        figures: its objects, from far to near.
        decoys: its decoys, in the order of painting.
        composite: their pixels.
    """
    data = encode_image(composite.image, config.image_format, config.quality)
    height, width = config.canvas
    primary = next((figure.placed for figure in figures if figure.placed.number == 1), None)
    box = primary.box if primary else [0, 0, 0, 0]
    meta: Meta = {
        "key": str(key),
        "background": key.background,
        "foreground": key.foreground,
        "position": key.position,
        "mirrored": key.mirrored,
        "box": box,
        "bbox_xywh": tight_box(composite.mask),
        "scale": round(max(box[2] / height, box[3] / width), 6),
        "attempt": primary.attempt if primary else 0,
        "mask_area_px": int(np.count_nonzero(composite.mask)),
    }
    image = decode_pixels(data, FIELDS["image"].file_type, str(key))
    arrays = {"image": image, "mask": composite.mask}
    if config.is_scene:
        meta["objects"] = [_describe(number, each, composite.instances) for number, each in enumerate(figures, 1)]
    if config.decoy_range[1]:
        meta["decoys"] = [_describe_decoy(each, composite.decoys) for each in decoys]
    if config.twins > 1:
        meta["twin"] = key.twin
    if "instances" in config.object_fields:
        arrays["instances"] = composite.instances
    if "amodal" in config.object_fields:
        arrays["amodal"] = amodal_bits([figure.area for figure in figures], config.canvas)
    return Sample(key=str(key), meta=meta, arrays=arrays, files={"image": data})


def _describe(number: int, figure: Figure, instances: Array) -> Meta:
    """Return what meta says about one object.

    Args:
        number: its id, from 1.
        figure: the object.
        instances: (H, W) uint8, the id of the object that is seen at each pixel.
    """
    placed, seen = figure.placed, (instances == number).view(np.uint8)
    return {
        "id": number,
        "number": placed.number,
        "foreground": placed.foreground,
        "class": placed.class_name,
        "mirrored": placed.mirrored,
        "box": placed.box,
        "bbox_xywh": tight_box(seen),
        "visible_px": int(np.count_nonzero(seen)),
        "full_px": int(np.count_nonzero(figure.area)),
        "z": placed.z,
        "angle": placed.look.rotation.millidegrees / 1000,
        "blend": placed.look.blend.name,
        "attempt": placed.attempt,
    }


def _describe_decoy(decoy: Figure, seen: Array) -> Meta:
    """Return what meta says about one decoy.

    Args:
        decoy: the decoy.
        seen: (H, W) uint8, the number of the decoy that is seen at each pixel.
    """
    placed = cast(Decoy, decoy.placed)
    return {
        "number": placed.number,
        "foreground": placed.foreground,
        "background": placed.background,
        "mirrored": placed.mirrored,
        "box": placed.box,
        "visible_px": int(np.count_nonzero(seen == placed.number)),
        "angle": placed.look.rotation.millidegrees / 1000,
        "blend": placed.look.blend.name,
    }


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
