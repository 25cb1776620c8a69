"""Sources: find, check and load foregrounds and backgrounds."""

import csv
import hashlib
import re
import unicodedata
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fgbg_data.config import BuildConfig
from fgbg_data.errors import SourceError
from fgbg_data.plan import Source, box_size
from fgbg_data.sample import Array

SUFFIXES = {".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif"}
MAX_PIXELS = 178_956_970
"""More is taken for a decompression bomb; twice Pillow's own warning level, where Pillow itself refuses."""
CACHE_BYTES = 256 * 2**20
"""Decoded sources that one worker keeps."""
PROVENANCE = ("licence", "author", "url")

Kind = Literal["background", "foreground"]


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One checked picture.

    Attributes:
        id: name in keys, a pure function of `file` and the kind of source.
        file: path relative to the source folder, with `/`.
        sha256: of the file.
        height: after EXIF rotation, and for a foreground after cropping to alpha > 0; in pixels.
        width: likewise.
        provenance: licence, author and url, as far as `sources.csv` tells.
    """

    id: str
    file: str
    sha256: str
    height: int
    width: int
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def planned(self) -> Source:
        """What the plan needs of it."""
        return Source(self.id, self.height, self.width)

    def described(self) -> dict[str, Any]:
        """Return its entry in the manifest."""
        entry = {"id": self.id, "file": self.file, "sha256": self.sha256}
        return entry | {"height": self.height, "width": self.width} | self.provenance


@dataclass(frozen=True)
class BadSource:
    """One unusable picture, or line of `sources.csv`, and what is wrong with it."""

    file: str
    problem: str


def source_id(file: str, kind: Kind) -> str:
    """Return the id of the source at a relative path: `[a-z0-9-]`, at most 40 characters.

    The bare slug only where the path is exactly SLUG.png (foreground) or SLUG.jpg (background); else six hex
    digits of BLAKE2b(path) keep paths apart that slug alike, and names that have no ASCII letters.

    >>> source_id("hall.jpg", "background"), source_id("Hall.JPG", "background")
    ('hall', 'hall-5b6861')
    """
    file = unicodedata.normalize("NFC", file)  # macOS hands out NFD, Linux what was written
    stem = file.rsplit(".", 1)[0]
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_stem.lower()).strip("-")
    if file == f"{slug}.{'png' if kind == 'foreground' else 'jpg'}" and len(slug) <= 40:
        return slug
    tail = hashlib.blake2b(file.encode(), digest_size=3).hexdigest()
    return f"{slug[:33].strip('-') or 'x'}-{tail}"


def find_pictures(folder: Path, kind: Kind) -> list[str]:
    """Return the relative paths of the pictures in `folder` and its subfolders, sorted.

    Raises:
        SourceError: the folder is missing or holds no picture.
    """
    option = "--bg" if kind == "background" else "--fg"
    if not folder.is_dir():
        raise SourceError(f"{folder}: is no folder; {option} expects the folder of the {kind} pictures")
    files = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise SourceError(
            f"{folder}: holds no picture; {option} expects {', '.join(sorted(SUFFIXES))} files here or in subfolders"
        )
    return sorted(files)


def scan(
    folder: Path, kind: Kind, report: Callable[[], None] = lambda: None, jobs: int = 1
) -> tuple[list[SourceFile], list[BadSource]]:
    """Check every picture of a source folder by decoding it whole.

    Args:
        folder: searched with its subfolders.
        kind: foregrounds must have transparency.
        report: called after each picture.
        jobs: threads; the decoders run outside Python's lock.

    Returns:
        The usable sources in the order of their ids, and the others in the order of their paths.

    Raises:
        SourceError: no picture at all, two with one id, or no foreground with transparency.
    """
    from joblib import Parallel, delayed

    files = find_pictures(folder, kind)
    provenance, bad = _read_provenance(folder, set(files))

    def check(file: str) -> SourceFile | BadSource:
        try:
            picture = load_foreground(folder / file) if kind == "foreground" else load_background(folder / file)
            digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        except SourceError as error:
            return BadSource(file, str(error).removeprefix(f"{folder / file}: "))
        finally:
            report()
        return SourceFile(
            id=source_id(file, kind),
            file=file,
            sha256=digest,
            height=picture.height,
            width=picture.width,
            provenance=provenance.get(file, {}),
        )

    checked = Parallel(n_jobs=jobs, prefer="threads")(delayed(check)(file) for file in files)
    good = [source for source in checked if isinstance(source, SourceFile)]
    bad = bad + [source for source in checked if isinstance(source, BadSource)]
    if kind == "foreground" and not good and all(source.problem.startswith("has no alpha") for source in bad):
        raise SourceError(
            f"{folder}: no foreground has transparency ({_listed(source.file for source in bad)}). A cut-out needs "
            "an alpha channel: cut the object out and save it as PNG or WebP with transparency"
        )
    return sorted(good, key=lambda source: source.id), sorted(bad, key=lambda source: source.file)


def check_ids(sources: Iterable[SourceFile]) -> None:
    """Raise a SourceError if two sources share an id (six hex digits can meet, if rarely)."""
    seen: dict[str, str] = {}
    for source in sources:
        if source.id in seen:
            raise SourceError(f"{seen[source.id]} and {source.file} both get the id {source.id!r}; rename one")
        seen[source.id] = source.file


def bad_sources_text(bad: dict[str, list[BadSource]]) -> str:
    """Return the error text that lists every unusable source of every folder."""
    count = sum(len(sources) for sources in bad.values())
    lines = [f"  {Path(folder) / source.file}: {source.problem}" for folder in bad for source in bad[folder]]
    noun = "picture" if count == 1 else "pictures"
    return "\n".join(
        [f"{count} {noun} cannot be used; mend or remove them, or go on without them by --skip-bad:", *lines]
    )


# --- loading ----------------------------------------------------------------------------------------------


def load_background(path: Path) -> Image.Image:
    """Load a picture as 8-bit RGB, the right way up; transparent parts are laid on white.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = _open(path)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def load_foreground(path: Path) -> Image.Image:
    """Load a cut-out as 8-bit RGBA, the right way up, cropped to alpha > 0.

    Raises:
        SourceError: the file cannot be used; the text says why.
    """
    picture = _open(path)
    if not picture.has_transparency_data:
        raise SourceError(f"{path}: has no alpha channel; a foreground is a cut-out with transparency")
    picture = picture.convert("RGBA")
    box = picture.getchannel("A").getbbox()
    if box is None:
        raise SourceError(f"{path}: is transparent everywhere; nothing of it would be visible")
    return picture.crop(box)


def _open(path: Path) -> Image.Image:
    """Decode a picture (its first frame) to an 8-bit mode, rotated as EXIF says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its bomb warning is an error below; odd metadata is no matter
            with Image.open(path) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                file.load()
                return ImageOps.exif_transpose(_to_8_bit(file, path))
    except Image.DecompressionBombError as error:
        raise SourceError(
            f"{path}: has more than {MAX_PIXELS // 10**6} million pixels, which a decompression bomb would; "
            "shrink it first"
        ) from error
    except UnidentifiedImageError as error:
        raise SourceError(f"{path}: is no picture that Pillow can read ({path.stat().st_size} bytes)") from error
    except SourceError:
        raise
    # Pillow's decoders raise what their format makes them raise (SyntaxError, struct.error, ...).
    except Exception as error:
        raise SourceError(f"{path}: cannot be read ({str(error) or type(error).__name__})") from error


def _to_8_bit(picture: Image.Image, path: Path) -> Image.Image:
    """Scale 16-bit grey to 8 bits (Pillow would clip it); leave 8-bit modes as they are."""
    if picture.mode == "F":
        raise SourceError(f"{path}: holds floating-point pixels; save it with 8 or 16 bits a channel")
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise SourceError(f"{path}: holds 32-bit pixels; save it with 8 or 16 bits a channel")
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8), "L")
    grey.info, exif = dict(picture.info), picture.getexif()
    if "transparency" in grey.info:
        grey.info["transparency"] = int(grey.info["transparency"]) * 255 // 65535
    grey.getexif().update(exif)
    return grey


# --- as the composer needs them ---------------------------------------------------------------------------


def fit_background(picture: Image.Image, canvas: tuple[int, int], fit: str) -> Array:
    """Fit a background to the canvas: (H, W, 3) uint8 RGB.

    Pillow's resampling works in fixed-point integers, so every machine gives the same pixels.
    """
    height, width = canvas
    if fit == "cover":
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    else:
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def shrink_foreground(picture: Image.Image, config: BuildConfig) -> Image.Image:
    """Return a cut-out with premultiplied colour (mode RGBa), at most twice the largest box it will fill.

    Memory then depends on the canvas, not on the camera; twice leaves the final resampling its sharpness.
    """
    picture = picture.convert("RGBa")
    if config.scale_range is None:
        return picture
    height, width = box_size(Source("", picture.height, picture.width), config.canvas, 2 * config.scale_range[1])
    if height >= picture.height:
        return picture
    return picture.resize((width, height), Image.Resampling.HAMMING)


class SourceCache:
    """Decoded sources of one worker, the least recently used dropped beyond a byte limit.

    Args:
        config: gives the folders, the canvas and the scale.
        backgrounds: id -> relative path.
        foregrounds: id -> relative path.
        limit: bytes kept.
    """

    def __init__(
        self,
        config: BuildConfig,
        backgrounds: dict[str, str],
        foregrounds: dict[str, str],
        limit: int = CACHE_BYTES,
    ) -> None:
        self._config = config
        self._files = {"background": backgrounds, "foreground": foregrounds}
        self._limit = limit
        self._kept: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def background(self, name: str) -> Array:
        """(H, W, 3) uint8 RGB at the size of the canvas."""
        pixels: Array = self._get("background", name)
        return pixels

    def foreground(self, name: str) -> Image.Image:
        """Mode RGBa, cropped, at most twice the largest box."""
        cutout: Image.Image = self._get("foreground", name)
        return cutout

    def _get(self, kind: Kind, name: str) -> Any:
        if (kind, name) in self._kept:
            self._kept.move_to_end((kind, name))
            return self._kept[kind, name][0]
        config = self._config
        value: Any
        if kind == "background":
            value = fit_background(load_background(config.bg / self._files[kind][name]), config.canvas, config.fit)
            num_bytes = value.nbytes
        else:
            value = shrink_foreground(load_foreground(config.fg / self._files[kind][name]), config)
            num_bytes = 4 * value.width * value.height
        self._kept[kind, name] = value, num_bytes
        self._bytes += num_bytes
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value


def _read_provenance(folder: Path, files: set[str]) -> tuple[dict[str, dict[str, str]], list[BadSource]]:
    """Read `sources.csv` (file, licence, author, url), if there is one."""
    path = folder / "sources.csv"
    if not path.is_file():
        return {}, []
    found: dict[str, dict[str, str]] = {}
    bad = []
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        return {}, [BadSource("sources.csv", f"is not a CSV file in UTF-8 ({error})")]
    if rows and "file" not in rows[0]:
        return {}, [BadSource("sources.csv", "has no column `file`; expected file,licence,author,url")]
    for row in rows:
        if row["file"] not in files:
            bad.append(BadSource("sources.csv", f"names {row['file']!r}, which is not in the folder"))
        found[row["file"]] = {name: row[name] for name in PROVENANCE if row.get(name)}
    return found, bad


def _listed(names: Iterable[str], most: int = 5) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
