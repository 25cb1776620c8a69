"""Source pictures to composites.

In: folders of pictures and a configuration. Out: a placement for every index, an image and a mask for every placement.
"""
