"""Recognises the errors by which libraries report that memory is full, on a GPU or on the CPU."""

import sys

TEXTS = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate memory", "bad alloc")
"""Texts of errors that have no class of their own: from torch on a CPU (Linux, Windows), onnxruntime and C++."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch, onnxruntime or numpy reports that memory is full."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(part in text for part in TEXTS):
        return True
    torch = sys.modules.get("torch")  # an error of torch needs torch to be loaded
    return torch is not None and isinstance(error, torch.OutOfMemoryError)
