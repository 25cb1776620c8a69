"""Train a mask network and a depth network on the datasets that `fgbg_data` builds."""

__version__ = "0.1.0"
