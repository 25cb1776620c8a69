"""Photos become cut-outs: `fgbg-data cutout`."""
