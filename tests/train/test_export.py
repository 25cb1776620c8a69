"""`export`: a model written for other programs gives the same numbers."""

import os
from pathlib import Path

import pytest
import torch

from fgbg_train import export, load_model
from fgbg_train.errors import CheckpointError, ConfigError


def test_safetensors_are_a_checkpoint_too(finished_run: Path, tmp_path: Path) -> None:
    assert export(finished_run / "best.ckpt", tmp_path / "model.safetensors") is None
    image = torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(0))
    one, other = (load_model(p)(image) for p in (finished_run / "best.ckpt", tmp_path / "model.safetensors"))
    assert torch.equal(one.mask_logits, other.mask_logits)
    assert torch.equal(one.depth, other.depth)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_flipped_bit_in_exported_weights_or_their_header_is_found(finished_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    export(finished_run / "best.ckpt", path)
    whole = path.read_bytes()
    for byte in (len(whole) - 1, len(whole) // 2, whole.index(b"size_px") + 11):
        damaged = bytearray(whole)
        damaged[byte] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="is damaged: its digest is not that of its weights"):
            load_model(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_programs_take_any_size_and_give_the_numbers_of_the_model(
    suffix: str, finished_run: Path, tmp_path: Path
) -> None:
    worst = export(finished_run / "best.ckpt", tmp_path / f"model.{suffix}")
    assert worst is not None
    assert worst < 1e-4
    assert [p.name for p in tmp_path.iterdir()] == [f"model.{suffix}"]


def test_unknown_suffixes_and_damaged_files_are_refused(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model.pb: has an unknown suffix; expected one of .safetensors,"):
        export(finished_run / "best.ckpt", tmp_path / "model.pb")
    (tmp_path / "x.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="is no safetensors file, or is damaged"):
        load_model(tmp_path / "x.safetensors")


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_everyone_whom_the_umask_allows_may_read_the_file(umask: int, finished_run: Path, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        export(finished_run, tmp_path / "model.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_exists_is_replaced_only_if_that_is_asked_for(finished_run: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    target.write_bytes(b"of somebody else")
    with pytest.raises(ConfigError, match=r"model.safetensors: exists already; .*use overwrite=True"):
        export(finished_run, target)
    assert target.read_bytes() == b"of somebody else"
    export(finished_run, str(target), overwrite=True)
    assert load_model(target)
