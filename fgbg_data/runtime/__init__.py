"""What the operating system gives: files that are written whole, locks, worker processes, progress.

In: paths, tasks. Out: bytes on disk, results of workers.
"""
