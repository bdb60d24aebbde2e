# Sourced by ./quickstart, ./test and setup/install: says in one line what is being done, and for how long.
#
#   step "Building the binaries" bazel build //...     runs it; its output goes to a log, whose tail is shown on failure
#   note "Text"                                        one plain line
#   die "what failed, why, one fix"                    ends the script with code 1
#
# On a terminal a running step shows its time and, from Bazel's output, how far it is; elsewhere nothing moves.

# Logs go to $STEP_LOG_DIR; a script that has not set it gets a fresh directory with its first step.

STEP_LOG=""
STEP_PID=""
STEP_SECONDS=0

note() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# "[123 / 456]" of Bazel's last progress line, or nothing.
_step_progress() { tail -c 2000 "$1" 2>/dev/null | grep -o '\[[0-9,]* / [0-9,]*\]' | tail -n 1 || true; }

_step_log_name() { printf '%s' "$1" | tr -c 'A-Za-z0-9\n' '-' | cut -c1-60; }

# Runs a command with its output in $STEP_LOG and returns its exit code; shows a line, judges nothing.
# The caller ends the line with step_end.
step_run() {
  local title="$1" code=0 started=$SECONDS
  shift
  : "${STEP_LOG_DIR:=$(mktemp -d "${TMPDIR:-/tmp}/once-log.XXXXXX")}"
  mkdir -p "$STEP_LOG_DIR"
  STEP_LOG="$STEP_LOG_DIR/$(_step_log_name "$title").log"
  # In the background, so that a signal is handled at once and not when the command ends.
  "$@" >"$STEP_LOG" 2>&1 </dev/null &
  STEP_PID=$!
  if [[ ! -t 1 ]]; then
    printf '%s ... ' "$title"
  else
    while kill -0 "$STEP_PID" 2>/dev/null; do
      printf '\r\033[K%s ... %d s %s' "$title" $((SECONDS - started)) "$(_step_progress "$STEP_LOG")"
      sleep 0.3
    done
    printf '\r\033[K%s ... ' "$title"
  fi
  wait "$STEP_PID" || code=$?
  STEP_PID=""
  STEP_SECONDS=$((SECONDS - started))
  return "$code"
}

# For traps: ends the command of the step that a signal interrupted.
step_abort() {
  [[ -n "$STEP_PID" ]] || return 0
  printf 'interrupted\n'
  kill -TERM "$STEP_PID" 2>/dev/null || true
  wait "$STEP_PID" 2>/dev/null || true
  STEP_PID=""
}

step_end() { printf '%s (%d s)\n' "$1" "$STEP_SECONDS"; }

step() {
  local code=0
  step_run "$@" || code=$?
  if ((code == 0)); then
    step_end "done"
    return 0
  fi
  step_end "FAILED"
  tail -n 25 "$STEP_LOG" | sed 's/^/    /' >&2
  printf '    (exit code %d; all of it: %s)\n' "$code" "$STEP_LOG" >&2
  return "$code"
}
