"""The C library's allocator, told to keep what is freed: in the next batch, tensors of the same sizes are back."""

import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of mallopt(3), by the numbers of glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Let memory that is freed stay with this process, for what it allocates next.

    glibc gives large blocks back to the kernel at once, and each batch pays for zeroed pages anew; benchmarks/build.py
    shows what that costs the estimator. It is for programs and their workers; what is a part of another program leaves
    its allocator alone. Where there is another C library (macOS, musl), nothing changes.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_MMAP_MAX, 0)
