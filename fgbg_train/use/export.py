"""Writes a trained model for other programs, and checks that what was written gives the same numbers.

    .safetensors   weights, with the configuration in the header; evaluate and predict read it too
    .pt2           a program of torch.export, for any batch and size
    .onnx          a program for ONNX Runtime and others, for any batch and size

A program takes `image`, (B, 3, H, W) float32 RGB in [0, 1]. It returns `mask`, (B, 1, H, W) probability, and `depth`,
(B, 1, H, W) relative inverse depth in [0, 1], larger = nearer; each only if the model has the network for it.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fgbg_data.errors import option
from fgbg_data.runtime.files import write_whole
from fgbg_train.errors import ConfigError, TrainError
from fgbg_train.models.cascade import Cascade
from fgbg_train.run.checkpoint import FORMAT, VERSION, find_checkpoint, load, load_config, model_of, weights_digest
from fgbg_train.settings import checked_path

OPSET = 18
TOLERANCE = 1e-3
"""Largest difference between program and model."""
CHECK_SIZES = ((1, 64, 64), (3, 96, 72))
"""Batch, height and width of the images that are compared; the second one differs from `TRACED` in all three."""
TRACED = (2, 64, 96)
"""Batch, height and width of the image with which a program is traced."""

Run = Callable[[Tensor], list[Tensor]]
"""Runs a written program on an image."""


def export(checkpoint: Path | str, out: Path | str, *, overwrite: bool = False) -> float | None:
    """Write the model of a checkpoint, in the format that the suffix of `out` names.

    >>> export("runs/demo", "model.onnx")  # doctest: +SKIP
    2.4e-07

    Args:
        checkpoint: a checkpoint, the folder of a run (its best checkpoint), or a `.safetensors` file of this function.
        out: the file to write, with the suffix .safetensors, .pt2 or .onnx.
        overwrite: replace the file if it exists.

    Returns:
        The largest difference between what the program and the model give; None for safetensors.

    Raises:
        ConfigError: there is no such format, it needs a package that is missing, or the file exists already.
        CheckpointError: the checkpoint cannot be used.
        TrainError: the program gives other numbers; it is removed.
        StorageError: the file cannot be written.
    """
    target = checked_path("out", out)
    if target.suffix not in FORMATS:
        raise ConfigError(f"has an unknown suffix; expected one of {', '.join(FORMATS)}", where=target)
    path = find_checkpoint(checkpoint)
    if target.exists() and (target.is_dir() or not overwrite):
        raise ConfigError(f"exists already; choose another name, or use {option('overwrite', True)}", where=target)
    state = load(path)
    program = Program(model_of(path, state)).eval()
    with write_whole(target) as temporary:
        # torch and ONNX look at the suffix of the file that they write.
        written = temporary.with_name(temporary.name + target.suffix)
        try:
            run = FORMATS[target.suffix](program, state, path, written)
            worst = None if run is None else largest_difference(program, run)
            if worst is not None and not worst <= TOLERANCE:
                raise TrainError(
                    f"the exported program differs from the model by {worst:.2g}; it is not kept", where=target
                )
            temporary.touch()
            written.chmod(temporary.stat().st_mode)  # safetensors lets nobody but the owner read its files
            written.replace(temporary)
        finally:
            written.unlink(missing_ok=True)
    return worst


class Program(nn.Module):
    """A cascade that takes and returns only tensors.

    Args:
        cascade: the networks.
    """

    def __init__(self, cascade: Cascade) -> None:
        super().__init__()
        self.cascade = cascade
        cascade.saliency = False  # the second pass of this objective is only for training
        both = {"mask": cascade.mask_net, "depth": cascade.depth_net}
        self.outputs = [name for name, network in both.items() if network is not None]
        """Names of what it returns."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Turn (B, 3, H, W) in [0, 1] into the mask and the depth, as far as there are networks for them."""
        prediction = self.cascade(image)
        found = []
        if prediction.mask_logits is not None:
            found.append(torch.sigmoid(prediction.mask_logits))
        if prediction.depth is not None:
            found.append(prediction.depth)
        return tuple(found)


def largest_difference(program: Program, run: Run) -> float:
    """Return the largest difference between what a program and its written file give, over batches of several sizes."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for batch, height, width in CHECK_SIZES:
        image = torch.rand(batch, 3, height, width, generator=generator)
        with torch.no_grad():
            pairs = list(zip(program(image), run(image), strict=True))
        for a, b in pairs:
            worst = max(worst, float((a - b).abs().max()))
    return worst


def _write_safetensors(program: Program, state: dict[str, Any], path: Path, written: Path) -> None:
    from safetensors.torch import save_file

    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(load_config(path, state).without_folders().to_table()),
        "size_px": str(state["size_px"]),
    }
    weights = {name: value.contiguous() for name, value in program.cascade.state_dict().items()}
    save_file(weights, written, metadata=header | {"digest": weights_digest(weights, header)})


def _trace(program: Program) -> Any:
    """Return the program of torch.export, for any batch, height and width."""
    image = torch.rand(TRACED[0], 3, *TRACED[1:])
    auto = torch.export.Dim.AUTO
    return torch.export.export(program, (image,), dynamic_shapes={"image": {0: auto, 2: auto, 3: auto}})


def _write_pt2(program: Program, _state: dict[str, Any], _path: Path, written: Path) -> Run:
    torch.export.save(_trace(program), written)
    loaded = torch.export.load(written).module()
    return lambda image: list(loaded(image))


def _write_onnx(program: Program, _state: dict[str, Any], _path: Path, written: Path) -> Run:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        importlib.import_module("onnxscript")  # torch needs it
    except ImportError as error:
        raise ConfigError(f"ONNX needs packages that are missing ({error.name}): pip install 'fgbg[onnx]'") from error
    torch.onnx.export(
        _trace(program),
        (),
        written,
        input_names=["image"],
        output_names=program.outputs,
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(written.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda image: [torch.from_numpy(x) for x in session.run(None, {"image": image.numpy()})]


FORMATS: dict[str, Callable[[Program, dict[str, Any], Path, Path], Run | None]] = {
    ".safetensors": _write_safetensors,
    ".pt2": _write_pt2,
    ".onnx": _write_onnx,
}
"""Suffix -> function that writes the file and returns what runs it, or None if there is nothing to run."""
