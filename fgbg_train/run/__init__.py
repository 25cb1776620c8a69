"""The folder of a run and everything in it; how fast a run is, and how it is stopped.

In: the state and the measurements of a run. Out: checkpoints, `log.csv`, curves, sample pictures, lines of progress.
"""
