"""`preview.png`: the first samples of a dataset that was just written."""

from collections.abc import Callable, Iterable
from pathlib import Path

from fgbg_data.dataset.record import ShardRecord
from fgbg_data.drawing.sheets import contact_sheet, sample_pictures, save_png
from fgbg_data.sample import Array, Meta
from fgbg_data.shards import load_format

PREVIEW_ROWS = 6


def draw_shard(
    out: Path,
    record: ShardRecord,
    format: str,
    places: Iterable[int],
    beside: Callable[[Meta], dict[str, Array]] = lambda meta: {},
) -> None:
    """Draw samples of a shard that was just written, read back from it, as `preview.png` of the dataset.

    Args:
        out: folder of the dataset.
        record: of the shard.
        format: which of its files is read.
        places: of the samples in the shard.
        beside: gives pictures to show before those of a sample, from its meta.
    """
    form, file = load_format(format), record.files[format]
    place = out / record.split / file.name
    index = form.read_index(place, record.keys, file.index)
    reader = form.open_reader(place, index)
    rows, titles = [], []
    for number in places:
        sample = {name: reader.read(number, name) for name in index.fields}
        pictures = beside(sample["meta"]) | sample_pictures(sample)
        titles = list(pictures)
        rows.append(list(pictures.values()))
    save_png(contact_sheet(rows, titles), out / "preview.png")
