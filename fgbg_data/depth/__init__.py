"""Depth estimators: what they promise, the table of them, and how they run.

In: (N, H, W, 3) uint8 pictures. Out: (N, H, W) float32 relative inverse depth, larger = nearer.
"""
