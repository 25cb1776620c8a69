"""A dataset is written: shards in parallel, then records, card, preview and manifest.

In: tasks, each of which gives the samples of a shard. Out: a complete dataset folder.
"""
