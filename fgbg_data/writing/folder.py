"""The folder that a dataset is written to: whether it may be used, and which of its shards are finished."""

from collections.abc import Iterable
from pathlib import Path

from fgbg_data.dataset.differences import differences
from fgbg_data.dataset.file_names import NOT_DATA, Listing, shard_numbers
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord, record_path
from fgbg_data.errors import FgbgError, FingerprintError, StorageError, option
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import PARTIAL, file_sha256
from fgbg_data.runtime.locations import Location, join, names_in, size
from fgbg_data.runtime.system_files import is_system_file


def check_folder(out: Location, wanted: Manifest, *, overwrite: bool = False, part: bool = False) -> None:
    """Refuse a folder that holds anything but the dataset `wanted`, or a part of it.

    Args:
        out: the folder; it need not exist.
        wanted: manifest of the dataset that is to be made in it.
        overwrite: whether it may hold another dataset.
        part: whether only a part of the dataset is to be made.

    Raises:
        FingerprintError: it holds another dataset; the text names what differs.
        StorageError: it holds something that is no dataset.
    """
    if isinstance(out, Path) and out.exists() and not out.is_dir():
        raise StorageError(f"is a file; {option('out')} expects a folder", where=out)
    names = names_in(out)
    if not names:
        return
    if MANIFEST not in names:
        if _lost_its_manifest(out, wanted):
            return
        foreign = sorted(
            name for name in names if name not in NOT_DATA and not name.endswith(PARTIAL) and not is_system_file(name)
        )
        if foreign:
            raise StorageError(
                f"is not empty and holds no {MANIFEST} (found {', '.join(foreign[:3])}). Choose a new folder for "
                f"{option('out')}",
                where=out,
            )
        return
    found = Manifest.read(out)
    if found.fingerprint != wanted.fingerprint and not overwrite:
        changed = differences(found.identity, wanted.identity)
        advice = "Use a new folder"
        if part:
            advice = "Start every part with the same options and sources, on the same kind of device"
        elif not wanted.identity.history:
            advice += f", or {option('overwrite', True)} to replace it"
        raise FingerprintError(
            f"holds another dataset (fingerprint {found.fingerprint[:8]}, this command makes "
            f"{wanted.fingerprint[:8]}): {'; '.join(changed)}. {advice}",
            where=out,
        )


def find_record(
    out: Location,
    *,
    fingerprint: str,
    split: str,
    index: int,
    samples: int,
    formats: Iterable[str],
    check: bool,
    names: Listing | None = None,
) -> ShardRecord | None:
    """Return the record of a finished shard, or None if the shard must be made (again).

    Args:
        out: folder of the dataset.
        fingerprint: fingerprint of the dataset.
        split: split of the shard.
        index: number of the shard in the split.
        samples: number of samples that it must hold.
        formats: names of the formats in which it must exist.
        check: compare the sha256 of its files, not only their size.
        names: what the folder of the split holds, if the caller has listed it; with None, each file is looked up.
    """
    record_file = record_path(out, split, index)
    if names is not None and names.get(locations.parent(record_file)[1]) is None:
        return None
    try:
        record = ShardRecord.read(record_file)
    except FgbgError:
        return None
    if record.fingerprint != fingerprint or record.samples != samples or set(record.files) != set(formats):
        return None
    for entry in record.files.values():
        file = join(join(out, split), entry.name)
        if (size(file) if names is None else names.get(entry.name)) != entry.bytes:
            return None
        if check and file_sha256(file) != entry.sha256:
            return None
    return record


def list_splits(out: Location, splits: Iterable[str]) -> dict[str, Listing]:
    """Return split -> what its folder holds: names and sizes."""
    return {split: names_in(join(out, split)) for split in splits}


def _lost_its_manifest(out: Location, wanted: Manifest) -> bool:
    """Return whether a folder without a manifest holds records, and all of them belong to the dataset `wanted`."""
    found = [
        record_path(out, split, index)
        for split, about in wanted.splits.items()
        for index in shard_numbers(_records(join(out, split)), split, about.shards)
    ]
    try:
        return bool(found) and {ShardRecord.read(record).fingerprint for record in found} == {wanted.fingerprint}
    except FgbgError:
        return False


def _records(folder: Location) -> list[str]:
    """Return the names of the records in the folder of a split."""
    return [name for name in names_in(folder) if name.endswith(".json")]
