"""Arrays to bytes and back.

In: arrays as the FIELDS table declares them. Out: JPEG and PNG files, and the arrays that a reader decodes.
"""
