#!/usr/bin/env bash
# Start a tool under Slurm: srun.sh PARTITION JOB_NAME SCRIPT ARGUMENTS...
#
# GPUS: processes in all (8); GPUS_PER_NODE (8, at most GPUS); CPUS_PER_TASK (5); SRUN_ARGS: more
# options of srun; PORT: where the processes meet (29500); PYTHON: the interpreter.
set -euo pipefail

PARTITION=$1
JOB_NAME=$2
shift 2

GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
CPUS_PER_TASK=${CPUS_PER_TASK:-5}
read -r -a SRUN_OPTIONS <<<"${SRUN_ARGS:-}"
export MASTER_PORT=${PORT:-${MASTER_PORT:-29500}}

exec srun -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    --gres=gpu:"$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="$CPUS_PER_TASK" \
    --kill-on-bad-exit=1 \
    ${SRUN_OPTIONS[@]+"${SRUN_OPTIONS[@]}"} \
    "${PYTHON:-python}" -u "$@" --launcher slurm
