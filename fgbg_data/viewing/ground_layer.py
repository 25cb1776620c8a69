"""The ground on which the objects of a sample stand, drawn over its image: for sheets and for the page."""

from fgbg_data.compositing.stage import Stages, read_grounds
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.drawing.colours import outlined
from fgbg_data.drawing.grounds import draw_ground
from fgbg_data.errors import ManifestError
from fgbg_data.fields.objects import MAX_AMODAL
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import Array


class GroundLayer:
    """Draws the grounds of one dataset.

    Args:
        root: folder or URL of the dataset.
        manifest: its manifest, or None.
    """

    name = "ground"
    """Name of the layer, and title of its column."""

    def __init__(self, root: Location, manifest: Manifest | None) -> None:
        try:
            grounds = read_grounds(root, manifest) if manifest else None
        except ManifestError:  # `verify` says what is wrong with it
            grounds = None
        self.there = grounds is not None
        """Whether the dataset has a table of grounds."""
        self._stages = Stages(grounds)

    def draw(self, background: str, image: Array, amodal: Array | None = None) -> Array:
        """Return an image with the ground tinted, the horizon, and the outlines of whole objects.

        Args:
            background: id of its background; one without ground changes nothing.
            image: (H, W, 3) uint8 RGB, left unchanged.
            amodal: (H, W) uint16, the field `amodal`, if the dataset has it.
        """
        stage = self._stages.of(background)
        if stage is not None and stage.mask.shape == image.shape[:2]:
            image = draw_ground(image, stage.ground, figures=0)
        if amodal is not None and amodal.shape == image.shape[:2]:
            for bit in range(MAX_AMODAL):
                image = outlined(image, ((amodal >> bit) & 1).astype("uint8"))
        return image
