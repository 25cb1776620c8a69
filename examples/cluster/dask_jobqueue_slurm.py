"""Build a dataset on workers that Slurm starts and stops as they are needed, by dask-jobqueue.

    python dask_jobqueue_slurm.py bg/ fg/ shards/

Needs `pip install "fgbg[dask]" dask-jobqueue` in an environment that all nodes see. Each job of Slurm runs eight
workers with one thread each. Any other class of dask-jobqueue works in the same way, for PBS, LSF, SGE or HTCondor.
"""

import sys

from dask_jobqueue import SLURMCluster

from fgbg_data import BuildConfig, build


def main(bg: str, fg: str, out: str) -> None:
    with SLURMCluster(cores=8, processes=8, memory="16GB", walltime="04:00:00") as cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=32)
        build(BuildConfig(bg=bg, fg=fg, out=out, backend="dask", dask_address=cluster.scheduler_address), progress=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
