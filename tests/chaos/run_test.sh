#!/usr/bin/env bash
# Runs a chaos command of the source tree on the programs that Bazel has built for the test.
#   run_test.sh [--must_fail] COMMAND OPTIONS...
set -euo pipefail
expected=0
[[ "$1" != --must_fail ]] || { expected=1 && shift; }
code=0
"$(readlink -f "$1")" --bin="$PWD" "${@:2}" || code=$?
((code == expected)) || { echo "exit code $code, not $expected: FAIL" && exit 1; }
