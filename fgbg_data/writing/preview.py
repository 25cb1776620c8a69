"""Draw `preview.png`: the first samples of a new dataset."""

from collections.abc import Callable, Iterable

from fgbg_data.dataset.file_names import PREVIEW
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.drawing.sheets import contact_sheet, sample_pictures, save_png
from fgbg_data.runtime.locations import Location, join
from fgbg_data.sample import Array, Meta
from fgbg_data.shards import load_format

PREVIEW_ROWS = 6


def draw_shard(
    out: Location,
    record: ShardRecord,
    format: str,
    indices: Iterable[int],
    beside: Callable[[Meta], dict[str, Array]] = lambda meta: {},
) -> None:
    """Read samples of a finished shard, and draw them as `preview.png` of the dataset.

    Args:
        out: folder of the dataset.
        record: the record of the shard.
        format: name of the format whose file is read.
        indices: the indices of the samples in the shard.
        beside: meta of a sample -> title and pixels of pictures that are shown before those of the sample.
    """
    fmt, file = load_format(format), record.files[format]
    location = join(join(out, record.split), file.name)
    found = fmt.read_index(location, record.keys, file.index)
    reader = fmt.open_reader(location, found)
    rows, titles = [], []
    for index in indices:
        sample = {name: reader.read(index, name) for name in found.fields}
        pictures = beside(sample["meta"]) | sample_pictures(sample)
        titles = list(pictures)
        rows.append(list(pictures.values()))
    save_png(contact_sheet(rows, titles), join(out, PREVIEW))
