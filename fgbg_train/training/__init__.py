"""Training: a run is planned, then its steps are taken, then its best weights are tested.

In: a dataset and a configuration. Out: the folder of a run.
"""
