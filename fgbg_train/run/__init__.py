"""The folder of a run and what is written to it.

In: the state of training. Out: checkpoints, `log.csv`, curves, sample panels, progress.
"""
