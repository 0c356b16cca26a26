#!/usr/bin/env bash
# Predict many videos by an array job of Slurm, one GPU per shard:
#     slurm_infer.sh PARTITION JOB_NAME SHARDS ARGUMENTS OF infer.py...
#
# All shards get the same arguments; the videos are distributed by the sizes of their files. Submit
# the same command again to complete shards that were killed: complete videos are skipped.
#
# CPUS_PER_TASK (5); AT_ONCE: shards that run at the same time (all); SBATCH_ARGS: more options of
# sbatch; PYTHON: the interpreter.
set -euo pipefail
if [[ $# -lt 5 ]]; then
    echo "usage: $0 PARTITION JOB_NAME SHARDS ARGUMENTS OF infer.py..." >&2
    exit 2
fi
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PARTITION=$1
JOB_NAME=$2
SHARDS=$3
shift 3
read -r -a SBATCH_OPTIONS <<<"${SBATCH_ARGS:-}"
COMMAND=$(printf '%q ' "${PYTHON:-python}" -u "$TOOLS/infer.py" "$@")

exec sbatch -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    --array="1-$SHARDS%${AT_ONCE:-$SHARDS}" \
    --gres=gpu:1 \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --requeue \
    ${SBATCH_OPTIONS[@]+"${SBATCH_OPTIONS[@]}"} <<EOF
#!/usr/bin/env bash
exec $COMMAND--shard "\$SLURM_ARRAY_TASK_ID/$SHARDS"
EOF
