"""Fields: the parts of a sample, each of which is one row of a table.

In: the pixels of a field, or its file. Out: its file, its pixels at any size, its sums, and what is wrong with it.
"""

from fgbg_data.fields.field import Field
from fgbg_data.fields.sums import PixelSums
from fgbg_data.fields.table import (
    FIELDS,
    depth_fields,
    field_of_suffix,
    fields_in_order,
    pixel_fields,
    register_field,
    suffixes,
)

__all__ = [
    "FIELDS",
    "Field",
    "PixelSums",
    "depth_fields",
    "field_of_suffix",
    "fields_in_order",
    "pixel_fields",
    "register_field",
    "suffixes",
]
