"""Write a trained model for other programs, and check that what was written gives the same numbers.

    safetensors   weights, with the configuration in the header; `eval` and `predict` read it too
    pt2           a program of torch.export, for any batch and size
    onnx          likewise, for ONNX Runtime and others

Programs take `image`, (B, 3, H, W) float32 RGB in [0, 1], and give what the networks have of `mask`,
(B, 1, H, W) probability, and `depth`, (B, 1, H, W) relative inverse depth in [0, 1], larger = nearer.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fgbg_train.config import to_table
from fgbg_train.errors import ConfigError, TrainError
from fgbg_train.models.cascade import Cascade
from fgbg_train.run import checkpoint

OPSET = 18
TOLERANCE = 1e-3
CHECK_SIZES = ((1, 64, 64), (3, 96, 72))  # batch, height, width; the second is not what was traced
TRACED = (2, 64, 96)


class Program(nn.Module):
    """A cascade with tensors only at both ends."""

    def __init__(self, cascade: Cascade) -> None:
        super().__init__()
        self.cascade = cascade
        cascade.saliency = False  # its second pass is for training
        both = {"mask": cascade.mask_net, "depth": cascade.depth_net}
        self.outputs = [name for name, network in both.items() if network is not None]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) in [0, 1] -> those of mask and depth that there are."""
        prediction = self.cascade(image)
        found = []
        if prediction.mask_logits is not None:
            found.append(torch.sigmoid(prediction.mask_logits))
        if prediction.depth is not None:
            found.append(prediction.depth)
        return tuple(found)


def export(weights: Path | str, out: Path | str) -> float | None:
    """Write a checkpoint's model in the format that the ending of `out` names.

    Returns:
        The largest difference between the program's output and the model's; None for safetensors.

    Raises:
        ConfigError: there is no such format, or a package for it is missing.
        TrainError: the program gives other numbers; it is removed.
    """
    path, target = Path(weights), Path(out)
    if target.suffix not in FORMATS:
        raise ConfigError(f"{target}: the ending must be one of {', '.join(FORMATS)}")
    state = checkpoint.load(path)
    program = Program(checkpoint.model_of(path, state)).eval()
    partial = target.with_name(f"{target.stem}.partial{target.suffix}")
    try:
        run = FORMATS[target.suffix](program, state, path, partial)
        worst = None if run is None else largest_difference(program, run)
        if worst is not None and not worst <= TOLERANCE:
            raise TrainError(f"{target}: the exported program differs from the model by {worst:.2g}; not written")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return worst


Run = Callable[[Tensor], list[Tensor]]


def largest_difference(program: Program, run: Run) -> float:
    """Return the largest difference of outputs over several batches and sizes."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for batch, height, width in CHECK_SIZES:
        image = torch.rand(batch, 3, height, width, generator=generator)
        with torch.no_grad():
            pairs = list(zip(program(image), run(image), strict=True))
        for a, b in pairs:
            worst = max(worst, float((a - b).abs().max()))
    return worst


def _write_safetensors(program: Program, state: dict[str, Any], path: Path, partial: Path) -> None:
    from safetensors.torch import save_file

    header = {
        "format": checkpoint.FORMAT,
        "version": str(checkpoint.VERSION),
        "config": json.dumps(to_table(checkpoint.load_config(path, state))),
        "size_px": str(state["size_px"]),
    }
    weights = {name: value.contiguous() for name, value in program.cascade.state_dict().items()}
    save_file(weights, partial, metadata=header)


def _trace(program: Program) -> Any:
    """Return the program of torch.export, dynamic in batch, height and width."""
    image = torch.rand(TRACED[0], 3, *TRACED[1:])
    auto = torch.export.Dim.AUTO
    return torch.export.export(program, (image,), dynamic_shapes={"image": {0: auto, 2: auto, 3: auto}})


def _write_pt2(program: Program, _state: dict[str, Any], _path: Path, partial: Path) -> Run:
    torch.export.save(_trace(program), partial)
    loaded = torch.export.load(partial).module()
    return lambda image: list(loaded(image))


def _write_onnx(program: Program, _state: dict[str, Any], _path: Path, partial: Path) -> Run:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        importlib.import_module("onnxscript")  # which torch needs
    except ImportError as error:
        raise ConfigError(f"ONNX needs packages that are missing ({error.name}): pip install 'fgbg[onnx]'") from error
    torch.onnx.export(
        _trace(program),
        (),
        partial,
        input_names=["image"],
        output_names=program.outputs,
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(partial.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda image: [torch.from_numpy(x) for x in session.run(None, {"image": image.numpy()})]


FORMATS: dict[str, Callable[[Program, dict[str, Any], Path, Path], Run | None]] = {
    ".safetensors": _write_safetensors,
    ".pt2": _write_pt2,
    ".onnx": _write_onnx,
}
