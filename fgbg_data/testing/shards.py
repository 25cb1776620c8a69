"""The contract suite of shard formats."""

import contextlib
import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from fgbg_data.errors import ShardError
from fgbg_data.fields import depth_fields
from fgbg_data.fields.samples import encode_files
from fgbg_data.sample import Sample
from fgbg_data.shards import Format, Index, ShardReader, ShardSpec
from fgbg_data.testing.samples import drawn_samples, some_samples


class ShardContract:
    """Tests that every shard format must pass.

    Write a test class that inherits it and names the format:

        from fgbg_data.testing import ShardContract
        from my_package import ZipFormat

        class TestZip(ShardContract):
            fmt = ZipFormat()

    The shards hold image, mask, and sometimes fields of depth and of objects; their names begin with `shard`.
    """

    fmt: Format
    """The format."""
    options: ClassVar[Mapping[str, str]] = {}
    """The options with which it is tested, such as {"hdf5_layout": "encoded"}."""

    def path(self, folder: Path) -> Path:
        """Return where a test writes its shard."""
        return folder / f"shard{self.fmt.suffix}"

    def write(self, path: Path, samples: list[Sample], image_format: str = "jpg") -> Index:
        """Write a shard; return the index for its record."""
        shapes = {name: array.shape for name, array in samples[0].arrays.items()}
        spec = ShardSpec(
            samples=len(samples),
            image_format=image_format,
            shapes=shapes,
            depth_bits=12 if depth_fields(shapes) else 0,
            options=self.options,
        )
        with self.fmt.open_writer(path, spec) as writer:
            for sample in samples:
                writer.write(sample, encode_files(sample))
            return writer.finish()

    def open(self, path: Path, **kwargs: Any) -> ShardReader:
        """Open a shard that has no record."""
        return self.fmt.open_reader(path, self.fmt.read_index(path), **kwargs)

    @given(drawn_samples())
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def test_any_sample_comes_back(
        self, tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[Sample], str]
    ) -> None:
        samples, image_format = drawn
        path = self.path(tmp_path_factory.mktemp("any"))
        recorded = self.write(path, samples, image_format)
        scanned = self.fmt.read_index(path)
        assert self.fmt.same_index(scanned, recorded)
        for found in (scanned, self.fmt.read_index(path, [sample.key for sample in samples], recorded)):
            reader = self.fmt.open_reader(path, found)
            assert found.keys.tolist() == [sample.key.encode() for sample in samples]
            for index, sample in enumerate(samples):
                assert reader.read(index, "meta") == sample.meta
                assert found.fields == (*sample.arrays, "meta")
                for field, array in sample.arrays.items():
                    value = reader.read(index, field)
                    assert value.dtype == array.dtype
                    assert np.array_equal(value, array)

    def test_equal_samples_give_equal_bytes(self, tmp_path: Path) -> None:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
            self.write(self.path(folder), some_samples())
        assert self.path(folders[0]).read_bytes() == self.path(folders[1]).read_bytes()

    def test_an_error_while_writing_stays_what_it_is(self, tmp_path: Path) -> None:
        (sample,) = some_samples(1)
        shapes = {"image": sample.image.shape, "mask": sample.mask.shape}
        spec = ShardSpec(samples=2, image_format="jpg", shapes=shapes, depth_bits=0, options=self.options)

        def write_half() -> None:
            with self.fmt.open_writer(self.path(tmp_path), spec) as writer:
                writer.write(sample, encode_files(sample))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            write_half()

    def test_files_are_kept_as_they_are(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for field, data in encode_files(samples[2]).items():
            if self.fmt.holds_files(self.options):
                assert reader.read_file(2, field) == data
            elif field != "meta":
                assert reader.read_file(2, field) is None

    def test_the_index_outlives_the_reader_and_can_be_pickled(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        found = pickle.loads(pickle.dumps(self.fmt.read_index(path)))
        assert np.array_equal(self.fmt.open_reader(path, found).read(3, "mask"), samples[3].mask)

    def test_a_kept_index_is_the_same(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        recorded = self.write(path, some_samples())
        arrays = self.fmt.index_to_arrays(self.fmt.read_index(path))
        if arrays is not None:
            assert self.fmt.same_index(self.fmt.index_from_arrays(arrays), recorded)

    def test_threads_share_a_reader(self, tmp_path: Path) -> None:
        samples = some_samples(8)
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        order = [number % 8 for number in range(400)]
        with ThreadPoolExecutor(8) as pool:
            masks = list(pool.map(lambda index: reader.read(index, "mask"), order))
            metas = list(pool.map(lambda index: reader.read(index, "meta"), order))
        assert all(np.array_equal(mask, samples[index].mask) for mask, index in zip(masks, order, strict=True))
        assert [meta["key"] for meta in metas] == [samples[index].key for index in order]

    def test_the_caller_may_change_what_is_read(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for field, array in samples[0].arrays.items():
            reader.read(0, field)[:] = 7
            assert np.array_equal(reader.read(0, field), array)

    def test_sizes_and_depth_bits_are_known(self, tmp_path: Path) -> None:
        samples, path = some_samples(), self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        assert {reader.picture_size(0, field) for field in samples[0].arrays} == {(20, 24)}
        assert reader.depth_bits(0) == 12

    def test_image_and_mask_are_read_at_any_size(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for size in ((10, 12), (5, 6), (9, 8), (40, 48)):
            image, mask = reader.read(1, "image", size), reader.read(1, "mask", size)
            assert image.shape == (*size, 3)
            assert image.dtype == np.uint8
            assert set(np.unique(mask)) == {0, 255}
            assert np.count_nonzero(mask) / mask.size == pytest.approx(
                np.count_nonzero(samples[1].mask) / 480, abs=0.06
            )
            assert image.mean() == pytest.approx(samples[1].image.mean(), abs=4)
        assert reader.read(1, "depth", (10, 12)).shape == (20, 24)

    def test_ids_and_bits_are_read_at_any_size_without_new_values(self, tmp_path: Path) -> None:
        samples = some_samples()
        path = self.path(tmp_path)
        self.write(path, samples)
        reader = self.open(path)
        for size in ((10, 12), (7, 5), (40, 48)):
            for field in ("instances", "amodal"):
                found, stored = reader.read(1, field, size), samples[1].arrays[field]
                assert found.shape == size
                assert found.dtype == stored.dtype
                assert set(np.unique(found)) == set(np.unique(stored))

    def test_another_shape_than_declared_is_refused(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples())
        with pytest.raises(ShardError, match=r"shard\.[\w.]+.*declares"):
            self.open(path, shapes={"mask": (20, 25)}).read(0, "mask")

    def test_a_file_cut_anywhere_gives_an_error_or_right_samples(self, tmp_path: Path) -> None:
        samples = some_samples(3)
        path = self.path(tmp_path)
        self.write(path, samples)
        whole = path.read_bytes()
        for size in range(0, len(whole), max(1, len(whole) // 60)):
            path.write_bytes(whole[:size])
            with contextlib.suppress(ShardError):
                found = self.fmt.read_index(path)
                reader = self.fmt.open_reader(path, found)
                assert found.keys.tolist() == [sample.key.encode() for sample in samples[: len(found.keys)]]
                for index, sample in enumerate(samples[: len(found.keys)]):
                    for field in set(found.fields) - {"meta"}:  # a field that is cut off whole is not missed
                        assert np.array_equal(reader.read(index, field), sample.arrays[field])

    def test_a_file_that_is_no_shard_is_refused(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        for content in (b"", b"no shard\n" * 200, bytes(4096)):
            path.write_bytes(content)
            with pytest.raises(ShardError, match=r"shard\.[\w.]+: "):
                self.open(path)
        path.unlink()
        with pytest.raises(ShardError, match=r"shard\.[\w.]+: .*No such file"):
            self.open(path)

    def test_depth_is_optional(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        self.write(path, some_samples(depth=False))
        assert self.fmt.read_index(path).fields == ("image", "mask", "instances", "amodal", "meta")
        assert self.open(path).depth_bits(0) is None
