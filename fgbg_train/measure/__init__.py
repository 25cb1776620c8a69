"""How good predictions are: metrics of a model on a split, beside baselines, which need no model.

In: a model and batches. Out: metrics by name, pooled over pixels and as means over images.
"""
