"""The networks and the cascade that joins them.

In: (B, 3, H, W) float images. Out: (B, 1, H, W) logits of mask and depth.
"""
