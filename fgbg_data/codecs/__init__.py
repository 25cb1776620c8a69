"""Arrays to bytes and back: JPEG and PNG files, resizing, depth codes.

In: pixels, or a file. Out: a file, or pixels of the size asked for; damaged files are refused.
"""
