#!/usr/bin/env bash
# Train in several processes: dist_train.sh CONFIG PROCESSES_PER_NODE [ARGUMENTS OF train.py...]
# Environment: see misc/torchrun.sh.
set -euo pipefail
if [[ $# -lt 2 ]]; then
    echo "usage: $0 CONFIG PROCESSES_PER_NODE [ARGUMENTS OF train.py...]" >&2
    exit 2
fi
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$TOOLS/misc/torchrun.sh" "$TOOLS/train.py" "$2" "$1" "${@:3}"
