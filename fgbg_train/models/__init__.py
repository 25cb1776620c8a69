"""The networks, and the cascade that joins a mask network and a depth network.

In: (B, 3, H, W) float RGB images in [0, 1]. Out: (B, 1, H, W) logits of the mask, and depth in [0, 1].
"""
