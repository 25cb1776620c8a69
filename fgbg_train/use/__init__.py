"""What is done with a trained checkpoint.

In: a checkpoint or run folder. Out: scores, predictions, exported networks, a summary.
"""
