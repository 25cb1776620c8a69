"""Pictures for people: depth in colours, outlines of masks, contact sheets.

In: arrays of samples. Out: (H, W, 3) uint8 pictures and PNG sheets.
"""
