#!/usr/bin/env bash
# short_run.sh FUZZER CORPUS: lets a fuzzer search for a moment, from the kept inputs.
set -euo pipefail
mkdir -p "$TEST_TMPDIR/found"
# An input that fails is kept beside the test's log.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:malloc_context_size=0:quarantine_size_mb=8"
exec "$1" -runs=50000 -max_total_time=4 -max_len=512 -rss_limit_mb=1024 -timeout=10 \
  -artifact_prefix="${TEST_UNDECLARED_OUTPUTS_DIR:-$TEST_TMPDIR}/" "$TEST_TMPDIR/found" "$2"
