"""Sources: find and check foregrounds and backgrounds, and keep the decoded ones at hand."""

import csv
import hashlib
import re
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fgbg_data.config import BuildConfig
from fgbg_data.errors import SourceError, counted
from fgbg_data.pictures import (
    NO_ALPHA,
    check_cutout,
    crop_cutout,
    cutout_sizes,
    fit_background,
    load_background,
    load_foreground,
    open_picture,
    quiet,
)
from fgbg_data.plan import Source
from fgbg_data.sample import Array

SUFFIXES = {".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif"}
CACHE_BYTES = 256 * 2**20
"""Decoded sources that one worker keeps."""
PROVENANCE = ("licence", "author", "url")
OPAQUE = "is opaque everywhere; a foreground is a cut-out with transparency"

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
        SourceError: the folder is missing, cannot be read, or holds no picture.
    """
    option = "--bg" if kind == "background" else "--fg"
    expected = f"{option} expects the folder of the {kind} pictures"
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "there is no such folder"
        raise SourceError(f"{folder}: {found}; {expected}")
    try:
        every = list(_walk(folder))
    except OSError as error:
        raise SourceError(f"{error.filename or folder}: cannot be read ({error.strerror}); {expected}") from error
    files = [path.relative_to(folder).as_posix() for path in every if path.suffix.lower() in SUFFIXES]
    if not files:
        others = Counter(path.suffix.lower() or "without suffix" for path in every)
        found = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(3)) or "nothing"
        raise SourceError(
            f"{folder}: holds no picture (found {found}); {option} expects files {', '.join(sorted(SUFFIXES))}, "
            "here or in subfolders"
        )
    return sorted(files)


def scan(
    folder: Path, kind: Kind, report: Callable[[], None] = lambda: None, jobs: int = 1
) -> tuple[list[SourceFile], list[BadSource]]:
    """Check every picture of a source folder by decoding it whole.

    Args:
        folder: searched with its subfolders.
        kind: foregrounds must have an alpha channel, and at least one of them a transparent pixel.
        report: called after each picture.
        jobs: threads; the decoders run outside Python's lock.

    Returns:
        The usable sources in the order of their ids, and the others in the order of their paths.

    Raises:
        SourceError: the folder is missing or holds no picture.
    """
    from joblib import Parallel, delayed

    files = find_pictures(folder, kind)
    provenance, bad = _read_provenance(folder, files)
    opaque: set[str] = set()

    def check(file: str) -> SourceFile | BadSource:
        try:
            file.encode()
        except UnicodeEncodeError:
            shown = file.encode(errors="surrogateescape").decode(errors="replace")
            return BadSource(shown, "has a name that is not UTF-8; rename it")
        path = folder / file
        try:
            picture = open_picture(path)
            if kind == "foreground":
                check_cutout(picture, path)
                if picture.getchannel("A").getextrema() == (255, 255):
                    opaque.add(file)
                picture = crop_cutout(picture)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except SourceError as error:
            return BadSource(file, str(error).removeprefix(f"{path}: "))
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

    with quiet():
        checked = Parallel(n_jobs=max(1, min(jobs, len(files))), prefer="threads")(
            delayed(check)(file) for file in files
        )
    good = [source for source in checked if isinstance(source, SourceFile)]
    bad += [source for source in checked if isinstance(source, BadSource)]
    if len(opaque) == len(good):  # one box-shaped cut-out may be meant; nothing but such are photos
        bad += [BadSource(source.file, OPAQUE) for source in good]
        good = []
    return sorted(good, key=lambda source: source.id), sorted(bad, key=lambda source: (source.file, source.problem))


def check_ids(sources: Iterable[SourceFile]) -> None:
    """Raise a SourceError if two sources share an id (six hex digits can meet, if rarely)."""
    seen: dict[str, str] = {}
    for source in sources:
        if source.id in seen:
            raise SourceError(f"{seen[source.id]} and {source.file} both get the id {source.id!r}; rename one")
        seen[source.id] = source.file


def bad_sources_text(bad: Sequence[tuple[Path, BadSource]]) -> str:
    """Return the error text that lists every unusable source, each with its folder."""
    files = {folder / source.file for folder, source in bad}
    noun = "picture" if all(path.suffix.lower() in SUFFIXES for path in files) else "file"
    lines = [f"  {folder / source.file}: {source.problem}" for folder, source in bad]
    return "\n".join(
        [
            f"{counted(len(files), noun)} cannot be used. Mend or remove {'it' if len(files) == 1 else 'them'}, or go "
            f"on without {'it' if len(files) == 1 else 'them'} with --skip-bad:",
            *dict.fromkeys(lines),
        ]
    )


def no_transparency_text(folder: Path, bad: Sequence[BadSource]) -> str | None:
    """Return the error text for foregrounds that all are no cut-outs; None where something else is wrong too."""
    if not all(source.problem in (NO_ALPHA, OPAQUE) for source in bad):
        return None
    shown = ", ".join(source.file for source in bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    return (
        f"{folder}: no foreground has transparency ({shown}). A cut-out needs an alpha channel: cut the object out "
        "and save it as PNG or WebP with transparency"
    )


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

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the canvas, in pixels."""
        return self._config.canvas

    def background(self, name: str) -> Array:
        """(H, W, 3) uint8 RGB at the size of the canvas."""
        pixels: Array = self._get("background", name)
        return pixels

    def foreground(self, name: str) -> tuple[Array, ...]:
        """The cropped cut-out at its sizes, (h, w, 4) uint8 premultiplied, from at most twice the largest box down."""
        sizes: tuple[Array, ...] = self._get("foreground", name)
        return sizes

    def _get(self, kind: Kind, name: str) -> Any:
        if (kind, name) in self._kept:
            self._kept.move_to_end((kind, name))
            return self._kept[kind, name][0]
        config = self._config
        value: Any
        with quiet():
            if kind == "background":
                value = fit_background(load_background(config.bg / self._files[kind][name]), config.canvas, config.fit)
                num_bytes = value.nbytes
            else:
                value = cutout_sizes(load_foreground(config.fg / self._files[kind][name]), config)
                num_bytes = sum(pixels.nbytes for pixels in value)
        self._kept[kind, name] = value, num_bytes
        self._bytes += num_bytes
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value


def _walk(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield the files below a folder, also through links to folders; what is hidden is left out."""
    real = folder.resolve()
    if real in above:  # a link that leads back up
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {real})
        else:
            yield path


def _read_provenance(folder: Path, files: Sequence[str]) -> tuple[dict[str, dict[str, str]], list[BadSource]]:
    """Read `sources.csv` (file, licence, author, url), if there is one."""
    path = folder / "sources.csv"
    if not path.is_file():
        return {}, []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            columns = reader.fieldnames or ()
            rows = [row for row in reader if any(row.values())]
    except (UnicodeDecodeError, csv.Error) as error:
        return {}, [BadSource("sources.csv", f"is not a CSV file in UTF-8 ({error})")]
    if "file" not in columns:
        return {}, [BadSource("sources.csv", "has no column `file`; expected file,licence,author,url")]
    by_name = {unicodedata.normalize("NFC", file): file for file in files}  # a CSV may be written on another system
    found: dict[str, dict[str, str]] = {}
    bad = []
    for row in rows:
        row["licence"] = row.get("licence") or row.get("license")
        name = row["file"] or ""
        file = by_name.get(unicodedata.normalize("NFC", name))
        if file is None:
            bad.append(BadSource("sources.csv", f"names {name!r}, which is not in the folder"))
        elif file in found:
            bad.append(BadSource("sources.csv", f"names {name!r} twice"))
        else:
            found[file] = {key: value for key in PROVENANCE if (value := row.get(key))}
    return found, bad
