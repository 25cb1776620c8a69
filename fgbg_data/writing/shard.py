"""Write one shard in all formats, and then its record."""

import contextlib
from collections.abc import Callable, Iterable

import numpy as np

from fgbg_data.dataset.record import ShardFile, ShardRecord, shard_stem
from fgbg_data.fields.samples import sample_digest
from fgbg_data.runtime import remote
from fgbg_data.runtime.files import file_sha256, move_up, write_whole
from fgbg_data.runtime.locations import Location, join
from fgbg_data.runtime.scratch import local_folder
from fgbg_data.sample import Sample
from fgbg_data.shards import ShardSpec, load_format


def write_shard(
    out: Location,
    formats: Iterable[str],
    spec: ShardSpec,
    record: ShardRecord,
    samples: Iterable[tuple[Sample, dict[str, bytes]]],
    on_sample: Callable[[int], None],
) -> ShardRecord:
    """Write one shard in all formats, and then its record, which says that the shard is finished.

    Args:
        out: folder of the dataset. If it is behind a URL, the shard is first written on this machine, then put there.
        formats: names of the formats.
        spec: what the samples have in common.
        record: the record, which holds fingerprint, split and index; the rest is filled in.
        samples: (sample, files) pairs; files are the encoded files of its fields, and may be empty if no format
            holds files.
        on_sample: called after each sample with the number of samples written so far.

    Returns:
        The record.
    """
    remote.be_patient_with(out)  # the process that started this one has reached it
    folder, stem = join(out, record.split), shard_stem(record.split, record.index)
    local = local_folder(out) / record.split
    fmts = {name: load_format(name) for name in formats}
    indexes, paths = {}, {}
    with contextlib.ExitStack() as files:
        for name, fmt in fmts.items():
            paths[name] = files.enter_context(write_whole(join(folder, stem + fmt.suffix), local))
        with contextlib.ExitStack() as stack:
            writers = {name: stack.enter_context(fmt.open_writer(paths[name], spec)) for name, fmt in fmts.items()}
            for sample, data in samples:
                for writer in writers.values():
                    writer.write(sample, data)
                record.keys.append(sample.key)
                record.digests.append(sample_digest(sample))
                record.mask_area_px.append(int(np.count_nonzero(sample.mask)))
                record.sums.add_sample(sample, spec.depth_bits)
                on_sample(len(record.keys))
            for name, writer in writers.items():
                indexes[name] = writer.finish()
        for name, fmt in fmts.items():
            if isinstance(folder, str):
                move_up(local, fmt.files_of(paths[name]), folder)
            record.files[name] = ShardFile(
                name=stem + fmt.suffix,
                bytes=paths[name].stat().st_size,
                sha256=file_sha256(paths[name]),
                index=indexes[name],
            )
    record.write(out)
    return record
