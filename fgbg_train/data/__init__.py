"""Samples of a dataset become batches, in an order that follows from seed and step, and augmented on the device.

In: the folder or URL of a dataset, and a schedule. Out: batches of image, mask and depth as tensors.
"""
