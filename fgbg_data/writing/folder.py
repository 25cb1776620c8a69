"""The folder that a dataset is written to: whose it is, what is finished in it, its log, and what is written last."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fgbg_data.dataset.differences import differences
from fgbg_data.dataset.layout import NOT_DATA
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord, record_path
from fgbg_data.errors import FgbgError, FingerprintError, StorageError, option
from fgbg_data.runtime.files import PARTIAL, file_sha256, write_text
from fgbg_data.writing.card import card

log = logging.getLogger("fgbg_data")


def check_folder(out: Path, wanted: Manifest, *, overwrite: bool = False) -> None:
    """Refuse an output folder that holds anything but the dataset `wanted`, or a part of it.

    Raises:
        FingerprintError: it holds another dataset; the text names what differs.
        StorageError: it holds something that is no dataset.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise StorageError(f"{out}: is a file; {option('out')} expects a folder")
    if not (out / MANIFEST).is_file():
        if _lost_its_manifest(out, wanted):
            return
        foreign = sorted(path.name for path in out.iterdir() if path.name not in NOT_DATA)
        foreign = [name for name in foreign if not name.endswith(PARTIAL)]
        if foreign:
            raise StorageError(
                f"{out}: is not empty and holds no {MANIFEST} (found {', '.join(foreign[:3])}). "
                f"Choose a new folder for {option('out')}"
            )
        return
    found = Manifest.read(out)
    if found.fingerprint != wanted.fingerprint and not overwrite:
        changed = differences(found.identity, wanted.identity)
        replace_it = "" if wanted.identity.history else f", or {option('overwrite', True)} to replace it"
        raise FingerprintError(
            f"holds another dataset (fingerprint {found.fingerprint[:8]}, this command makes "
            f"{wanted.fingerprint[:8]}): {'; '.join(changed)}. Use a new folder{replace_it}",
            out,
        )


def find_record(
    out: Path, fingerprint: str, split: str, index: int, *, samples: int, formats: Iterable[str], check: bool
) -> ShardRecord | None:
    """Return the record of a finished shard of this dataset, or None if it must be made (again).

    Args:
        out: folder of the dataset.
        fingerprint: of the dataset.
        split: of the shard.
        index: its number in the split.
        samples: how many it must hold.
        formats: in which it must be there.
        check: compare the sha256 of its files, not only their size.
    """
    path = record_path(out, split, index)
    if not path.is_file():
        return None
    try:
        record = ShardRecord.read(path)
    except FgbgError:
        return None
    if record.fingerprint != fingerprint or record.samples != samples or set(record.files) != set(formats):
        return None
    for file in record.files.values():
        place = path.with_name(file.name)
        if not place.is_file() or place.stat().st_size != file.bytes:
            return None
        if check and file_sha256(place) != file.sha256:
            return None
    return record


def finish(
    out: Path, unfinished: Manifest, records: list[ShardRecord], draw_preview: Callable[[list[ShardRecord]], None]
) -> Manifest:
    """Write what is written last: preview, card, and the manifest that says that the dataset is complete.

    Args:
        out: folder of the dataset.
        unfinished: its manifest as it was written first.
        records: of all shards, in any order.
        draw_preview: writes `preview.png`; given the records in order.
    """
    order = {name: place for place, name in enumerate(unfinished.splits)}
    records = sorted(records, key=lambda record: (order[record.split], record.index))
    manifest = unfinished.finished(records)
    text = card(manifest)
    if (out / MANIFEST).is_file() and (out / "preview.png").is_file() and Manifest.read(out) == manifest:
        return manifest
    draw_preview(records)
    write_text(out / "README.md", text)
    manifest.write(out)
    log.info("complete: %d samples", manifest.samples)
    return manifest


@contextlib.contextmanager
def log_to(out: Path) -> Iterator[None]:
    """Append what happens, with times and machine, to `build.log`, which is no part of the dataset.

    A warning is shown once and stands there too, from whatever process it comes.
    """
    handler = logging.FileHandler(out / "build.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with _warnings_logged():
            yield
    except BaseException as error:
        log.info("stopped: %s", error or type(error).__name__)
        raise
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def _warnings_logged() -> Iterator[None]:
    show, said = warnings.showwarning, set[str]()

    def log_and_show(message: Warning | str, *rest: Any, **named: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            log.info("warning: %s", message)
            show(message, *rest, **named)

    warnings.showwarning = log_and_show
    try:
        yield
    finally:
        warnings.showwarning = show


def _lost_its_manifest(out: Path, wanted: Manifest) -> bool:
    """Tell whether the records in the folder are all of the dataset `wanted`; then only the manifest is missing."""
    paths = (record_path(out, split, i) for split, about in wanted.splits.items() for i in range(about.shards))
    found = [path for path in paths if path.is_file()]
    try:
        return bool(found) and {ShardRecord.read(path).fingerprint for path in found} == {wanted.fingerprint}
    except FgbgError:
        return False
