#!/usr/bin/env bash
# Test in several processes: dist_test.sh CONFIG CHECKPOINT PROCESSES_PER_NODE [ARGUMENTS...]
# Environment: see misc/torchrun.sh.
set -euo pipefail
if [[ $# -lt 3 ]]; then
    echo "usage: $0 CONFIG CHECKPOINT PROCESSES_PER_NODE [ARGUMENTS OF test.py...]" >&2
    exit 2
fi
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$TOOLS/misc/torchrun.sh" "$TOOLS/test.py" "$3" "$1" "$2" "${@:4}"
