"""Write the golden files anew: `python tests/regenerate.py`, then look at the diff.

A changed golden is a change of pixels or plan: raise FORMAT_VERSION in fgbg_data/versions.py and say so in
CHANGELOG.md.
"""

import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def load(name: str) -> object:
    """Import one test module by its path."""
    spec = importlib.util.spec_from_file_location(name, HERE / "data" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    golden = HERE / "data" / "golden"
    plan = load("test_plan").golden_plan()  # type: ignore[attr-defined]
    (golden / "plan.json").write_text(json.dumps(plan, indent=0) + "\n")
    for name, image in load("test_compose").golden_composites().items():  # type: ignore[attr-defined]
        image.save(golden / f"{name}.png")
    print("look at: git diff --stat tests/data/golden")
