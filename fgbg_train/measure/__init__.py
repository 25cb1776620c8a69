"""How good a prediction is.

In: predictions and targets. Out: loss terms, metrics, and the scores of trivial baselines.
"""
