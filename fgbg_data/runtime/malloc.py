"""Settings of the C library's allocator: freed memory is kept, because the next batch needs the same sizes again."""

import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3), with the numbers of glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Keep freed memory in this process, for what it allocates next.

    glibc gives large blocks back to the kernel at once, so that each batch pays for zeroed pages anew;
    benchmarks/build.py shows what that costs the estimator. Only programs and their workers call this: a library must
    leave the allocator of its program alone. With another C library (macOS, musl), nothing changes.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_MMAP_MAX, 0)
