"""The ground of a background: where things can stand in it, and how large they are there.

In: quantised inverse depth of a background, and its picture. Out: the ground's plane, its horizon, and its pixels.
"""
