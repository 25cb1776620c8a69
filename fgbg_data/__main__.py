"""`python -m fgbg_data` is the command `fgbg-data`."""

from fgbg_data.cli import main

main(prog_name="fgbg-data")
