"""The contract suite of fields."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgbg_data.config import BuildConfig
from fgbg_data.errors import ShardError
from fgbg_data.fields import Field
from fgbg_data.sample import Array, Meta
from fgbg_data.testing.samples import some_samples

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(4, 24)
PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


class FieldContract:
    """Tests that every field of samples must pass.

    Write a test class that inherits it and names the field:

        from fgbg_data.testing import FieldContract
        from my_package import EDGES

        class TestEdges(FieldContract):
            field = EDGES

    By default the arrays hold any values of the type of the field, and meta is empty. If your field cannot hold all of
    them, or needs meta, override `array` and `meta`.
    """

    field: Field
    """The field."""
    depth_bits = 12
    """Bits of depth codes, for a field that holds them."""

    def array(self, rng: np.random.Generator, size: tuple[int, int]) -> Array:
        """Return a healthy array of the field for an image of the size (height, width)."""
        shape = self.field.shape(size) if self.field.shape else size
        shape = (*shape, self.field.channels) if self.field.channels else shape
        dtype = np.dtype(self.field.dtype)
        if dtype.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        return rng.random(shape).astype(dtype)

    def meta(self, array: Array) -> Meta:
        """Return meta that fits an array."""
        return {}

    def draw(self, seed: int, height: int, width: int) -> Array:
        """Return a healthy array, always the same one for the same arguments."""
        return self.array(np.random.default_rng(seed), (height, width))

    def decode(self, data: bytes, **options: Any) -> Array:
        """Decode a file of the field."""
        return self.field.decode(data, "a test", **options)

    @given(seed=SEEDS, height=SIDES, width=SIDES)
    @PROPERTY
    def test_any_array_comes_back_from_its_file(self, seed: int, height: int, width: int) -> None:
        array = self.draw(seed, height, width)
        data = self.field.encode(array)
        assert data == self.field.encode(array.copy())
        found = self.decode(data, shape=array.shape)
        assert found.dtype == np.dtype(self.field.dtype)
        np.testing.assert_array_equal(found, array)
        assert self.field.picture_size(data, "a test") == array.shape[:2]

    def test_a_damaged_file_is_refused(self) -> None:
        data = self.field.encode(self.draw(0, 20, 24))
        for damaged in (b"", data[: len(data) // 2], b"something else"):
            with pytest.raises(ShardError, match=f"a test: .*{self.field.name}"):
                self.decode(damaged, shape=self.draw(0, 20, 24).shape)

    def test_another_shape_than_declared_is_refused(self) -> None:
        array = self.draw(0, 20, 24)
        with pytest.raises(ShardError, match="declares"):
            self.decode(self.field.encode(array), shape=(array.shape[0] + 1, *array.shape[1:]))

    @pytest.mark.parametrize("size", [(10, 12), (5, 6), (40, 48), (9, 31)])
    def test_resizing_keeps_type_and_channels_and_the_array_itself(self, size: tuple[int, int]) -> None:
        array = self.draw(1, 20, 24)
        before = array.copy()
        if self.field.resize is None:
            np.testing.assert_array_equal(self.decode(self.field.encode(array), size=size), array)
            return
        resized = self.field.resize(array, size)
        assert resized.dtype == array.dtype
        assert resized.shape == (*size, *array.shape[2:])
        np.testing.assert_array_equal(self.decode(self.field.encode(array), size=size), resized)
        np.testing.assert_array_equal(array, before)

    @given(seed=SEEDS, height=SIDES, width=SIDES)
    @PROPERTY
    def test_the_sums_of_two_halves_add_up(self, seed: int, height: int, width: int) -> None:
        array = self.draw(seed, height, width)
        whole = self.field.sums(array, self.depth_bits)
        if whole is None:
            return
        cut = len(array) // 2
        parts = [self.field.sums(part, self.depth_bits) for part in (array[:cut], array[cut:])]
        assert all(part is not None and part.top == whole.top for part in parts)
        for name in ("values", "total", "squares"):
            sums = [np.array(getattr(part, name), object) for part in parts]
            np.testing.assert_array_equal(sums[0] + sums[1], np.array(getattr(whole, name), object))
        assert all(isinstance(value, int) for value in (*whole.total, *whole.squares))
        assert all(0 <= total <= whole.top * whole.values for total in whole.total)

    @given(seed=SEEDS, height=SIDES, width=SIDES)
    @PROPERTY
    def test_the_digest_sees_every_value_and_no_memory_layout(self, seed: int, height: int, width: int) -> None:
        array = self.draw(seed, height, width)
        digested = self.field.digested(array)
        assert digested.flags.c_contiguous
        assert self.field.digested(np.asfortranarray(array)).tobytes() == digested.tobytes()
        other = self.draw(seed + 1, height, width)
        same = np.array_equal(array, other)
        assert (self.field.digested(other).tobytes() == digested.tobytes()) == same

    @given(seed=SEEDS, height=SIDES, width=SIDES)
    @PROPERTY
    def test_a_healthy_array_has_no_problems(self, seed: int, height: int, width: int) -> None:
        array = self.draw(seed, height, width)
        meta = self.meta(array)
        for name, kind in self.field.meta_types.items():
            assert isinstance(meta[name], kind), name
        assert list(self.field.problems(self.field.name, array, meta)) == []

    def test_its_picture_is_rgb(self) -> None:
        if self.field.picture is not None:
            picture = self.field.picture(self.draw(0, 20, 24))
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3

    def test_equal_samples_get_equal_arrays_of_the_declared_shape(self) -> None:
        if self.field.make is None:
            return
        config = BuildConfig(bg="bg", fg="fg", out="out", size="24x20")
        for sample, again in zip(some_samples(), some_samples(), strict=True):
            made = self.field.make(sample, config)
            size = sample.image.shape[:2]
            shape = tuple(self.field.shape(size) if self.field.shape else size)
            assert made.dtype == np.dtype(self.field.dtype)
            assert made.shape == (*shape, *([self.field.channels] if self.field.channels else []))
            np.testing.assert_array_equal(self.field.make(again, config), made)
            for name, array in again.arrays.items():
                np.testing.assert_array_equal(sample.arrays[name], array)
