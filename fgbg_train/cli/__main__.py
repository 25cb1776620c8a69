"""`python -m fgbg_train.cli` is the command `fgbg-train`."""

from fgbg_train.cli import main

main(prog_name="fgbg-train")
