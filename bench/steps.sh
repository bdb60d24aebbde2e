# What the measuring commands share: a broker of their own, the program in a copy, the logs of a failure. Sourced from
# the project's root, after setup/steps.sh. They set BENCH_NAME first.
BENCH_WORK=""
BENCH_BUILD_OPTIONS=()
bench_servers=""
bench_pid=""
bench_finished=""

bench_clean_up() {
  step_abort
  if [[ -n "$bench_pid" ]]; then
    kill -TERM "$bench_pid" 2>/dev/null || true
    wait "$bench_pid" 2>/dev/null || true
  fi
  [[ ! -d "$BENCH_WORK/broker" ]] || docker/kafka/broker stop --dir="$BENCH_WORK/broker" >/dev/null || true
  # The logs of a failure stay.
  if [[ -n "$bench_finished" ]]; then
    rm -rf "$BENCH_WORK"
  else
    note "Logs: $BENCH_WORK"
  fi
}

# bench_prepare TARGET [SERVERS]: builds the program; starts a broker unless one is named. Sets bench_servers.
bench_prepare() {
  local target="$1"
  bench_servers="${2:-}"
  BENCH_WORK="$(mktemp -d "${TMPDIR:-/tmp}/once-$BENCH_NAME.XXXXXX")"
  export STEP_LOG_DIR="$BENCH_WORK/log"
  trap bench_clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [[ -n "$bench_servers" ]]; then
    setup/install --no-broker
  else
    setup/install
  fi
  # Links of its own: another build moves bazel-bin elsewhere.
  step "Building the benchmark" bazel build --symlink_prefix="$BENCH_WORK/bazel-" --curses=no --color=no \
    ${BENCH_BUILD_OPTIONS[@]+"${BENCH_BUILD_OPTIONS[@]}"} "//$target" ||
    die "the build failed: see above"
  # A copy: another build may replace it while it runs.
  cp "$BENCH_WORK/bazel-bin/${target/://}" "$BENCH_WORK/program"
  [[ -z "$bench_servers" ]] || return 0
  step "Starting Apache Kafka on this machine" docker/kafka/broker start --dir="$BENCH_WORK/broker" --port=0 ||
    die "the broker did not start: see above"
  bench_servers="$(sed -n 's/^bootstrap_servers=//p' "$STEP_LOG")"
}

# bench_run ARGUMENTS...: runs the program in the background, so that a signal is handled at once.
bench_run() {
  local code=0
  "$BENCH_WORK/program" --bootstrap_servers="$bench_servers" "$@" &
  bench_pid=$!
  wait "$bench_pid" || code=$?
  bench_pid=""
  ((code == 0)) || die "the benchmark failed with exit code $code: see above"
  bench_finished=yes
}
