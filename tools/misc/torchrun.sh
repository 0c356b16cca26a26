#!/usr/bin/env bash
# Start a tool in several processes: torchrun.sh SCRIPT PROCESSES_PER_NODE ARGUMENTS...
#
# NNODES, NODE_RANK, MASTER_ADDR and PORT describe runs on several nodes, started once on each.
# Without PORT, a run on one node uses a free port, a run on several nodes 29500.
# PYTHON names the interpreter. The backend is nccl, or gloo without a GPU.
set -euo pipefail

SCRIPT=$1
PROCESSES=$2
shift 2

PYTHON=${PYTHON:-python}
NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
if [[ -z "${PORT:-}" ]]; then
    PORT=29500
    if [[ "$NNODES" == 1 ]]; then
        PORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
    fi
fi

# exec: a signal to this script reaches torchrun, which forwards it to the processes.
exec "$PYTHON" -m torch.distributed.run \
    --nnodes="$NNODES" \
    --node_rank="$NODE_RANK" \
    --master_addr="$MASTER_ADDR" \
    --master_port="$PORT" \
    --nproc_per_node="$PROCESSES" \
    "$SCRIPT" "$@" --launcher pytorch
