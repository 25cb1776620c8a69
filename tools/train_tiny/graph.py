"""The graph of the network as ONNX, without weights: `fgbg_data/depth/tiny.onnx`, which ONNX Runtime runs on a CPU.

    python tools/train_tiny/graph.py

Weights keep their names of the state dict. The estimator hands them over from `tiny.safetensors` when it opens the
graph, so that the package holds them once. The graph changes only with the network, not when it is trained again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch
from onnxscript import optimizer
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from fgbg_data.depth.tiny_net import DECODER_CHANNELS, ENCODER_CHANNELS, Scene, TinyNet, normalise  # noqa: E402

GRAPH = ROOT / "fgbg_data" / "depth" / "tiny.onnx"
OPSET, IR_VERSION = 18, 9  # old enough for onnxruntime 1.20


class AnyHeight(Scene):
    """The same without `torch.linspace`, whose length the exporter of torch would make a constant."""

    def rows(self, height: int) -> Tensor:
        """Return (height,) how high up each row is, from -1 at the top to 1."""
        return torch.arange(height) * 2 / (height - 1) - 1


class FromPixels(TinyNet):
    """The network, with normalisation in front."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = AnyHeight(ENCODER_CHANNELS[4], DECODER_CHANNELS[4])

    def forward(self, images: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 RGB, H and W multiples of 32 -> (B, H/2, W/2)."""
        return super().forward(normalise(images.permute(0, 3, 1, 2).float() / 255))


def exported() -> onnx.ModelProto:
    """Return the network with weights, none of which is folded into another."""
    batch, rows, columns = (torch.export.Dim(name, min=1, max=256) for name in ("batch", "rows", "columns"))
    program = torch.onnx.export(
        FromPixels().eval(),
        (torch.zeros((2, 224, 288, 3), dtype=torch.uint8),),
        dynamo=True,
        dynamic_shapes=({0: batch, 1: 32 * rows, 2: 32 * columns},),
        input_names=["images"],
        output_names=["depth"],
        optimize=False,  # it would fold batch norm into weights
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Simplify a model as far as that is possible without its weights, and leave them out."""
    names = set(TinyNet().state_dict())
    weights = [tensor for tensor in model.graph.initializer if tensor.name in names]
    constants = [tensor for tensor in model.graph.initializer if tensor.name not in names]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    for tensor in weights:  # inputs for now, so that nothing is computed from them
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    model = optimizer.optimize(model)
    del model.graph.input[1:]
    for tensor in weights:
        hollow = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        hollow.data_location = onnx.TensorProto.EXTERNAL
        hollow.external_data.add(key="location", value="tiny.safetensors")
        model.graph.initializer.append(hollow)
    graph = model.graph
    for each in (model, graph, *graph.node, *graph.input, *graph.output):
        del each.metadata_props[:]  # they name source files
    del model.graph.value_info[:], model.functions[:]
    model.ir_version = IR_VERSION
    return model


def write(path: Path = GRAPH) -> None:
    """Write the graph."""
    path.write_bytes(without_weights(exported()).SerializeToString(deterministic=True))


if __name__ == "__main__":
    write()
