"""Memory settings: large blocks that are freed stay with the process, so new ones cost no page faults."""

import subprocess
import sys

import pytest

ROUNDS, MEGABYTES = 20, 64
PROGRAM = f"""
import resource, sys
from fgbg_data.runtime.malloc import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
bytearray({MEGABYTES} << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    bytearray(b"x") * ({MEGABYTES} << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only the allocator of glibc has these settings")
def test_large_blocks_that_are_reused_cost_no_page_faults() -> None:
    pages = (MEGABYTES << 20) // 4096
    assert page_faults("kept") < 2 * pages
    assert page_faults("as it is") > ROUNDS * pages / 2  # else there is nothing to keep
