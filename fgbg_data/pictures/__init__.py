"""Picture files of the user: found in folders, and decoded to 8-bit pixels, the right way up."""

from fgbg_data.pictures.decode import MAX_PIXELS, decode_file, load_rgb, on_white, open_picture, quiet, read_picture
from fgbg_data.pictures.find import SUFFIXES, FoundPictures, find_named, left_out_note, search_folder, sort_out

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "FoundPictures",
    "decode_file",
    "find_named",
    "left_out_note",
    "load_rgb",
    "on_white",
    "open_picture",
    "quiet",
    "read_picture",
    "search_folder",
    "sort_out",
]
