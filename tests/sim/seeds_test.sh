#!/usr/bin/env bash
# Fails if one of 20,000 seeds breaks an invariant; the log names the seed and the faults it needs.
set -euo pipefail
exec "$1" --seeds=20000 --temp_dir="${TEST_TMPDIR:-/tmp}"
