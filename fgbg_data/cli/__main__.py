"""`python -m fgbg_data.cli`."""

from fgbg_data.cli import main

main(prog_name="fgbg-data")
