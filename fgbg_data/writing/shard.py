"""Write one shard in all formats, and then its record."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from fgbg_data.dataset.record import ShardFile, ShardRecord, shard_stem
from fgbg_data.fields.samples import sample_digest
from fgbg_data.runtime.files import file_sha256, write_whole
from fgbg_data.sample import Sample
from fgbg_data.shards import ShardSpec, load_format


def write_shard(
    out: Path,
    formats: Iterable[str],
    spec: ShardSpec,
    record: ShardRecord,
    samples: Iterable[tuple[Sample, dict[str, bytes]]],
    on_sample: Callable[[int], None],
) -> ShardRecord:
    """Write one shard in all formats, and then its record, which says that the shard is finished.

    Args:
        out: folder of the dataset.
        formats: names of the formats.
        spec: what the samples have in common.
        record: the record, which holds fingerprint, split and index; the rest is filled in.
        samples: (sample, files) pairs; files are the encoded files of its fields, and may be empty if no format
            holds files.
        on_sample: called after each sample with the number of samples written so far.

    Returns:
        The record.
    """
    folder, stem = out / record.split, shard_stem(record.split, record.index)
    fmts = {name: load_format(name) for name in formats}
    indexes, paths = {}, {}
    with contextlib.ExitStack() as files:
        for name, fmt in fmts.items():
            paths[name] = files.enter_context(write_whole(folder / (stem + fmt.suffix)))
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
            record.files[name] = ShardFile(
                name=stem + fmt.suffix,
                bytes=paths[name].stat().st_size,
                sha256=file_sha256(paths[name]),
                index=indexes[name],
            )
    record.write(out)
    return record
