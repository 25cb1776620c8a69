#!/bin/bash
# mkdir -p logs; id=$(sbatch --parsable slurm.sh); sbatch --array=0 --dependency="afterany:$id" slurm.sh finish
#SBATCH --job-name=fgbg --array=0-31 --requeue --open-mode=append
#SBATCH --cpus-per-task=8 --time=04:00:00 --output=logs/%A_%a.log
#SBATCH --signal=TERM@60
set -eu
build=(fgbg-data build --config build.toml --jobs "$SLURM_CPUS_PER_TASK")
if [ "${1:-part}" = finish ]; then
    exec srun "${build[@]}"
fi
# exec, so that signals of Slurm reach the build itself
exec srun "${build[@]}" --part slurm/32
