"""How fast is each estimator here, and what does composed depth save in a whole build?

    python benchmarks/depth.py
    python benchmarks/depth.py --only b --bg BACKGROUNDS --fg FOREGROUNDS

(a) pictures a second of each estimator, batches of 224 x 224 px that are ready: `tiny` in torch (eager, compiled,
    bfloat16) and as a build runs it (onnxruntime on a CPU), DenseDepth, and models of Hugging Face transformers.
(b) samples a second of `fgbg-data build --depth-mode compose` against `--depth-mode infer`, start-up included.

Weights of all but `tiny` are random, in the published shapes, so that nothing is fetched; speed does not depend on
their values. Best of three rounds, in which all take turns. Let nothing else run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.depth.devices import pick_device
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.registry import load_estimator
from fgbg_data.depth.tiny import TinyEstimator, read_weights
from fgbg_data.depth.tiny_engines import torch_engine, torch_net
from fgbg_data.errors import FgbgError

ROUNDS = 3
SIZE_PX = 224
DINOV2 = {
    "small": {"hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 12},
    "base": {"hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12},
    "large": {"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24},
}
STAGES = {"small": (3, 6, 9, 12), "base": (3, 6, 9, 12), "large": (5, 12, 18, 24)}
NECKS = {"small": (48, 96, 192, 384), "base": (96, 192, 384, 768), "large": (256, 512, 1024, 1024)}
FUSION = {"small": 64, "base": 128, "large": 256}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bg", type=Path, help="of (b); demo pictures are drawn where none are given")
    parser.add_argument("--fg", type=Path)
    parser.add_argument("--only", choices=["a", "b"], help="one part alone")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=8, help="of (a)")
    parser.add_argument("--seconds", type=float, default=10, help="of each estimator in each round of (a)")
    parser.add_argument("--large", action="store_true", help="also the large models of (a)")
    parser.add_argument("--samples", type=int, default=600, help="of (b)")
    parser.add_argument("--depth", default="tiny", help="estimator of (b)")
    options = parser.parse_args()
    import torch

    print(f"{len(os.sched_getaffinity(0))} cores, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    with tempfile.TemporaryDirectory(prefix="fgbg-bench-") as folder:
        if options.only in (None, "a"):
            estimators(options, Path(folder))
        if options.only in (None, "b"):
            modes(options, Path(folder))


def estimators(options: argparse.Namespace, folder: Path) -> None:
    """Measure (a)."""
    images = np.random.default_rng(0).integers(0, 256, (options.batch, SIZE_PX, SIZE_PX, 3)).astype(np.uint8)
    loaded, rates = {}, {}
    for name, make in candidates(options, folder):
        try:
            loaded[name] = make()
            loaded[name].estimate(images)  # compiles, allocates
        except (FgbgError, ImportError, RuntimeError) as error:
            loaded.pop(name, None)
            print(f"{name}: not here ({str(error).splitlines()[0]})")
    for _ in range(ROUNDS):
        for name, estimator in loaded.items():
            rates[name] = max(rates.get(name, 0.0), rate(estimator, images, options.seconds))
    print(f"\n| (a) estimator, batches of {options.batch} | pictures/s | ratio |\n|---|---|---|")
    for name, value in rates.items():
        print(f"| {name} | {value:.2f} | {value / rates['tiny, torch eager']:.3f} |")
    print()


def candidates(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Callable[[], DepthEstimator]]]:
    """Yield names, and how each estimator is made."""
    device, batch = options.device, options.batch
    yield "tiny, torch eager", lambda: torch_tiny(options, lambda net: net)
    yield "tiny, torch compiled", lambda: torch_tiny(options, compiled)
    yield "tiny, torch bfloat16", lambda: torch_tiny(options, in_bfloat16)
    yield "tiny, as in a build", lambda: load_estimator("tiny", device, batch)
    yield "densedepth (random weights)", lambda: random_densedepth(options)
    shapes = [("depth-anything-v2-small", "small"), ("depth-anything-v2-base", "base"), ("dpt-hybrid-midas", "")]
    shapes += [("depth-anything-v2-large", "large"), ("dpt-large", "")] if options.large else []
    for name, size in shapes:
        save = (lambda place, size=size: save_depth_anything(size, place)) if size else SAVERS[name]
        yield (
            f"{name} (random weights)",
            lambda name=name, save=save: load_estimator(f"hf:{save(folder / name)}", device, batch),
        )


def torch_tiny(options: argparse.Namespace, change: Callable[[Any], Any]) -> DepthEstimator:
    """The embedded estimator in torch, with a change to its network."""
    device = pick_device(options.device)
    estimator: Any = TinyEstimator(device, options.batch)
    estimator._forward = torch_engine(change(torch_net(read_weights(), device)), device)
    return estimator  # type: ignore[no-any-return]


def compiled(net: Any) -> Any:
    """The network, compiled."""
    import torch

    return torch.compile(net)


def in_bfloat16(net: Any) -> Any:
    """The network in bfloat16."""
    import torch

    net.to(torch.bfloat16)
    return lambda x: net(x.to(torch.bfloat16))


def random_densedepth(options: argparse.Namespace) -> DepthEstimator:
    """DenseDepth at its published width."""
    from fgbg_data.depth.densedepth import DenseDepthEstimator
    from fgbg_data.depth.densedepth_net import DenseDepthNet

    estimator: Any = DenseDepthEstimator.__new__(DenseDepthEstimator)
    estimator.name, estimator.batch_size = "densedepth", options.batch
    estimator.device = pick_device(options.device)
    estimator._net = DenseDepthNet().eval().requires_grad_(False).to(estimator.device)
    return estimator  # type: ignore[no-any-return]


def save_depth_anything(size: str, folder: Path) -> Path:
    """Write a random Depth Anything V2 of a size, with the published processor's settings."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

    backbone = Dinov2Config(
        **DINOV2[size],
        image_size=518,
        patch_size=14,
        out_features=[f"stage{stage}" for stage in STAGES[size]],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=DINOV2[size]["hidden_size"],
        neck_hidden_sizes=list(NECKS[size]),
        fusion_hidden_size=FUSION[size],
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(
        size={"height": 518, "width": 518}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3
    ).save_pretrained(folder)
    return folder


def save_dpt_large(folder: Path) -> Path:
    from transformers import DPTConfig

    wide = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    return _save_dpt(
        DPTConfig(**wide, backbone_out_indices=[5, 11, 17, 23], neck_hidden_sizes=[256, 512, 1024, 1024]), folder
    )


def save_dpt_hybrid(folder: Path) -> Path:
    from transformers import DPTConfig

    config = DPTConfig(is_hybrid=True, neck_hidden_sizes=[256, 512, 768, 768], reassemble_factors=[1, 1, 1, 0.5])
    return _save_dpt(config, folder)


def _save_dpt(config: Any, folder: Path) -> Path:
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(size={"height": 384, "width": 384}).save_pretrained(folder)
    return folder


SAVERS: dict[str, Callable[[Path], Path]] = {"dpt-large": save_dpt_large, "dpt-hybrid-midas": save_dpt_hybrid}


def rate(estimator: DepthEstimator, images: np.ndarray, seconds: float) -> float:
    """Pictures a second."""
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        estimator.estimate(images)
        done += len(images)
    return done / (time.perf_counter() - started)


def modes(options: argparse.Namespace, folder: Path) -> None:
    """Measure (b)."""
    bg, fg = options.bg, options.fg
    if bg is None or fg is None:
        from fgbg_data.demo import write_demo

        paths = write_demo(folder / "demo")
        bg, fg = paths.backgrounds, paths.foregrounds
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for mode in ("infer", "compose"):
            best[mode] = max(best.get(mode, 0.0), build_rate(bg, fg, folder / "shards", mode, options))
    print(f"| (b) build with --depth {options.depth}, {options.samples} samples | samples/s | ratio |\n|---|---|---|")
    for mode, value in best.items():
        print(f"| --depth-mode {mode} | {value:.1f} | {value / best['infer']:.2f} |")


def build_rate(bg: Path, fg: Path, out: Path, mode: str, options: argparse.Namespace) -> float:
    """Run the command; return samples a second."""
    command = [sys.executable, "-m", "fgbg_data.cli", "build", "--bg", str(bg), "--fg", str(fg), "--out", str(out)]
    command += ["--samples", str(options.samples), "--depth", options.depth, "--device", options.device]
    command += ["--depth-mode", mode, "--holdout", "sample", "--val", "0", "--test", "0"]
    command += ["--shard-size", str(max(16, options.samples // 8))]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    shutil.rmtree(out, ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return float(options.samples / seconds)


if __name__ == "__main__":
    main()
