"""What docs/any-trainer.md shows runs as it stands."""

import sys
from pathlib import Path

from helpers.docs import DOCS, blocks, run, run_shell


def test_its_commands_export_a_dataset_and_its_code_reads_the_exports(dataset: Path, tmp_path: Path) -> None:
    page = (DOCS / "any-trainer.md").read_text(encoding="utf-8")
    (tmp_path / "shards").symlink_to(dataset)
    run_shell("\n".join(blocks(page, "sh")), tmp_path)
    (tmp_path / "snippets.py").write_text("\n\n".join(blocks(page, "python")))
    run([sys.executable, "-W", "ignore", "snippets.py"], tmp_path)
