"""A dataset is written: shards in parallel, then records, card, preview and manifest.

In: tasks, one for the samples of each shard. Out: a complete dataset folder.
"""
