"""`SourcePictures`: the pictures that samples were made of, where the user still has them."""

import functools
import hashlib
import io
from pathlib import Path
from typing import Any

from fgbg_data.codecs.pictures import encode_image
from fgbg_data.compositing.cutouts import crop_cutout
from fgbg_data.dataset.manifest import Manifest, SourceName
from fgbg_data.errors import SourceError, UnknownKeyError, option
from fgbg_data.key import KINDS, Kind
from fgbg_data.versions import FORMAT_VERSION

QUALITY = 88
"""Quality of JPEGs that are made for the page."""


class SourcePictures:
    """The sources of a dataset by id: what the manifest knows of them, and their pictures if their folders are given.

    A picture is shown only if it has the digest that the manifest records, so that no other picture passes for it.

    Args:
        manifest: of the dataset; None if it has none, so that no source is known.
        bg: folder of the backgrounds, or None.
        fg: folder of the foregrounds, or None.

    Raises:
        SourceError: a given folder does not exist.
    """

    def __init__(self, manifest: Manifest | None, bg: Path | None = None, fg: Path | None = None) -> None:
        self._folders: dict[Kind, Path | None] = {"background": bg, "foreground": fg}
        for kind, folder in self._folders.items():
            if folder is not None and not folder.is_dir():
                asked = option("bg" if kind == "background" else "fg")
                raise SourceError(f"there is no such folder; {asked} expects the {kind} pictures", where=folder)
        self._entries = {
            (kind, source.id): source
            for kind in KINDS
            for source in (manifest.identity.sources.of(kind) if manifest else ())
        }
        self._provenance = manifest.provenance if manifest else {}
        self._version = manifest.identity.format_version if manifest else FORMAT_VERSION
        self._problem = functools.lru_cache(maxsize=4096)(self._find_problem)

    def describe(self, kind: Kind, id: str) -> dict[str, Any]:
        """Return what is known of a source, as JSON: `id`, `file`, licence, author and url; `shown` or a `problem`."""
        entry = self._entries.get((kind, id))
        about: dict[str, Any] = {"id": id}
        if entry is None:
            return about
        about |= {"file": entry.file} if entry.file else {}
        about |= dict(self._provenance.get(SourceName(kind, id), {}))
        if self._folders[kind] is not None:
            problem = self._problem(kind, id)
            about |= {"problem": problem} if problem else {"shown": True}
        return about

    def picture(self, kind: str, id: str, side_px: int | None) -> tuple[bytes, str]:
        """Return the picture of a source as a file, and its media type.

        Args:
            kind: `background` or `foreground`; a foreground is cropped as in samples, and keeps its transparency.
            id: id of the source.
            side_px: shrink the picture to fit a square of this side; it is never enlarged.

        Raises:
            UnknownKeyError: there is no such source, or its picture is not here.
            SourceError: the picture cannot be read.
        """
        import numpy as np

        from fgbg_data.pictures import load_rgb, open_picture

        for known in KINDS:
            if known == kind and (known, id) in self._entries:
                break
        else:
            raise UnknownKeyError(f"there is no {kind} {id!r}")
        if self._folders[known] is None or (problem := self._problem(known, id)):
            raise UnknownKeyError(f"the {kind} {id!r} {problem if self._folders[known] else 'is not here'}")
        path = self._path(known, id)
        picture = load_rgb(path) if known == "background" else open_picture(path)
        if known == "foreground" and picture.mode == "RGBA":
            picture = crop_cutout(picture, self._version)
        if side_px:
            picture.thumbnail((side_px, side_px))
        if picture.mode == "RGB":
            return encode_image(np.asarray(picture), "jpg", QUALITY), "image/jpeg"
        stream = io.BytesIO()
        picture.save(stream, "PNG", compress_level=2)
        return stream.getvalue(), "image/png"

    def _path(self, kind: Kind, id: str) -> Path:
        folder, file = self._folders[kind], self._entries[kind, id].file
        assert folder is not None
        assert file is not None  # else there would be a problem
        return folder / file

    def _find_problem(self, kind: Kind, id: str) -> str | None:
        """Return why the picture of a source cannot be shown, or None."""
        folder, entry = self._folders[kind], self._entries[kind, id]
        if entry.file is None or not entry.sha256:
            return "has no file name or digest in the manifest"
        path = self._path(kind, id)
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            return f"is not in {folder} ({error.strerror})"
        return None if found == entry.sha256 else f"is another picture in {folder} than the one in the dataset"
