"""Exams: real pictures whose masks or depth are known, and the scores of predictions on them.

In: a folder of pictures, or a COCO file, and predictions. Out: scores for each set of pictures, tables, and a panel to
look at.
"""
