"""The samples of a dataset become batches: at any size, in an order that follows from the seed, and augmented.

In: the folder or URL of a dataset, and a schedule. Out: batches of image, mask and depth as tensors.
"""
