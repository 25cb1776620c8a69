"""Build a dataset from Python: draw the demo pictures, make a small dataset of them, look at its splits.

python examples/build_from_python.py demo/
"""

import sys
from pathlib import Path

from fgbg_data import BuildConfig, build
from fgbg_data.demo import write_demo


def main(folder: Path) -> None:
    pictures = write_demo(folder)
    config = BuildConfig(
        bg=pictures.backgrounds,
        fg=pictures.foregrounds,
        out=folder / "shards",
        size="128",
        samples=200,
        depth="none",
        holdout="both",
    )
    manifest = build(config)
    for name, split in manifest.splits.items():
        print(f"{name}: {split.samples} samples of {len(split.backgrounds)} backgrounds")
    print(f"look at {config.out / 'preview.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
