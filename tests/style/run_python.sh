#!/usr/bin/env bash
# Runs a Python file of the source tree; its links are followed so that it finds the whole tree, not just its inputs.
set -euo pipefail
exec python3 -B "$(readlink -f "$1")" "${@:2}"
