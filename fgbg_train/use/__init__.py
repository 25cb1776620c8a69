"""What a trained model is used for: to measure it, to predict, to export it, to count its parameters.

In: a checkpoint, or a configuration. Out: metrics, pictures of masks and depth, files for other programs, tables.
"""
