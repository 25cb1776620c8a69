"""How good predictions are: metrics of a model on a split, beside what guessing without a model gives.

In: a model and batches. Out: metrics by name, pooled over pixels and as means over images.
"""
