"""Random models in the formats that estimators read, small enough for tests."""

from pathlib import Path
from typing import Any

BACKBONE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
NECK: dict[str, Any] = {"reassemble_factors": [2, 1], "neck_hidden_sizes": [8, 8], "fusion_hidden_size": 8}
GAINS = {
    "depth_anything": 8,
    "depth_anything_metric": 12,
    "dpt": 8,
    "dpt_hybrid": 6,
    "zoedepth": 12,
    "depth_pro": 1,
    "glpn": 4,
}
FAMILIES = tuple(GAINS)


def save_model(family: str, folder: Path) -> Path:
    """Write a random model of an architecture of transformers, and its image processor, as the hub has them."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(7)
    model, processor = {
        "depth_anything": _depth_anything,
        "depth_anything_metric": lambda: _depth_anything(depth_estimation_type="metric", max_depth=20),
        "dpt": _dpt,
        "dpt_hybrid": _dpt_hybrid,
        "zoedepth": _zoedepth,
        "depth_pro": _depth_pro,
        "glpn": _glpn,
    }[family]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # initial weights are so small that depth would be flat
                parameter.mul_(GAINS[family])
        if family == "depth_pro":
            model.fov_model.head.layers[-1].bias.fill_(60)  # a field of view of about 60 degrees
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _dinov2(**options: Any) -> Any:
    from transformers import Dinov2Config

    return Dinov2Config(**BACKBONE | {"patch_size": 14, "image_size": 70, "reshape_hidden_states": False} | options)


def _depth_anything(**options: Any) -> tuple[Any, Any]:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, DPTImageProcessor

    backbone = _dinov2(out_features=["stage1", "stage2"])
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, head_hidden_size=8, **NECK, **options
    )
    processor = DPTImageProcessor(
        size={"height": 70, "width": 70}, keep_aspect_ratio=True, ensure_multiple_of=14, do_pad=False, resample=3
    )
    return DepthAnythingForDepthEstimation(config), processor


def _dpt() -> tuple[Any, Any]:
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    four = {"reassemble_factors": [4, 2, 1, 0.5], "neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
    config = DPTConfig(
        **BACKBONE | {"num_hidden_layers": 4}, image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3], **four
    )
    return DPTForDepthEstimation(config), DPTImageProcessor(size={"height": 64, "width": 64})


def _dpt_hybrid() -> tuple[Any, Any]:
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    backbone = {
        "model_type": "bit",
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": [1, 1, 1],
        "hidden_sizes": [32, 32, 32],
        "embedding_size": 32,
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
        "num_groups": 4,
    }
    config = DPTConfig(
        **BACKBONE | {"num_hidden_layers": 4},
        image_size=64,
        patch_size=16,
        is_hybrid=True,
        backbone_config=backbone,
        backbone_out_indices=[0, 1, 2, 3],
        backbone_featmap_shape=[1, 32, 4, 4],
        reassemble_factors=[1, 1, 1, 0.5],
        neck_hidden_sizes=[32, 32, 8, 8],
        neck_ignore_stages=[0, 1],
        fusion_hidden_size=8,
    )
    return DPTForDepthEstimation(config), DPTImageProcessor(size={"height": 64, "width": 64})


def _zoedepth() -> tuple[Any, Any]:
    from transformers import ZoeDepthConfig, ZoeDepthForDepthEstimation, ZoeDepthImageProcessor

    config = ZoeDepthConfig(
        backbone_config=_dinov2(num_hidden_layers=4, out_features=["stage1", "stage2", "stage3", "stage4"]),
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8,
        num_relative_features=8,
        bottleneck_features=8,
        num_attractors=[4, 4, 2, 1],
        bin_embedding_dim=8,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}],
    )
    processor = ZoeDepthImageProcessor(size={"height": 70, "width": 98}, ensure_multiple_of=14)
    return ZoeDepthForDepthEstimation(config), processor


def _depth_pro() -> tuple[Any, Any]:
    from transformers import DepthProConfig, DepthProForDepthEstimation, DepthProImageProcessor

    parts = {name: _dinov2(image_size=28) for name in ("image_model_config", "patch_model_config", "fov_model_config")}
    config = DepthProConfig(
        patch_size=28,
        fusion_hidden_size=16,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.2],
        scaled_images_feature_dims=[8, 8],
        use_fov_model=True,
        **parts,
    )
    return DepthProForDepthEstimation(config), DepthProImageProcessor(size={"height": 56, "width": 56})


def _glpn() -> tuple[Any, Any]:
    from transformers import GLPNConfig, GLPNForDepthEstimation, GLPNImageProcessor

    config = GLPNConfig(depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8)
    return GLPNForDepthEstimation(config), GLPNImageProcessor()


# --- ONNX ----------------------------------------------------------------------------------------------------

PLAIN = 'mean = [0, 0, 0]\nstd = [1, 1, 1]\noutput = "inverse"\n'


def write_onnx(
    path: Path,
    toml: str | None = PLAIN,
    *,
    shape: tuple[Any, ...] = ("n", 3, "h", "w"),
    weights: tuple[float, ...] = (0, 1, 0),
    keep_channel: bool = False,
    kind: int = 1,
    before: list[Any] | None = None,
) -> Path:
    """Write a graph whose depth is a weighted sum of the channels of its input: by default, of green alone."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    path.parent.mkdir(exist_ok=True)
    axis = 3 if shape[3] == 3 else 1
    array = np.array(weights, helper.tensor_dtype_to_np_dtype(kind))
    kernel = array.reshape([-1 if k == axis else 1 for k in range(4)])
    nodes = list(before or [])
    nodes.append(helper.make_node("Mul", ["normalised" if before else "image", "kernel"], ["scaled"]))
    nodes.append(helper.make_node("ReduceSum", ["scaled", "axis"], ["depth"], keepdims=int(keep_channel)))
    constants = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array([axis]), "axis")]
    constants += [numpy_helper.from_array(np.float32(0.5), "half")]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("depth", kind, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    if toml is not None:
        path.with_suffix(".toml").write_text(toml)
    return path
