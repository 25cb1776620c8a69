"""How onnxruntime opens a graph here: with the threads of this process, and with errors instead of messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.runtime.threads import num_threads
from fgbg_data.sample import Array

PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}


def open_session(graph: Path | bytes, device: str = "cpu", weights: Mapping[str, Array] | None = None) -> Any:
    """Open an ONNX graph.

    Args:
        graph: path of the file, or its bytes.
        device: `cpu` or `cuda`.
        weights: name -> array, for a graph that holds the names of its weights but not their values.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        Exception: onnxruntime cannot open it; its errors have no common class.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal messages only, because errors are raised
    options.intra_op_num_threads = num_threads()  # a worker of a build has its share of the cores
    # Threads that wait in a loop take the cores from other processes, such as another part of the same build.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights is not None:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(each)) for each in weights.values()]
        options.add_external_initializers(list(weights), values)
    return onnxruntime.InferenceSession(graph, options, providers=PROVIDERS[device])
