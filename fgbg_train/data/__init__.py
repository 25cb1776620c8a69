"""Shards to batches.

In: a dataset folder and a position (seed, epoch, step). Out: batches of image, mask and depth on the device.
"""
