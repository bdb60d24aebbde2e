# What ./quickstart --ui does: the example runs on, shows itself by HTTP, and pods are killed at the press of a key.
# Sourced by it; stop_process, start_pod and the rest are its.
readonly LIVE_RATE=50 LIVE_CUSTOMERS=200

live_ports=(0 0 0)
live_stopping=""

# live_start_pod N: at the port that it had, if it ran before.
live_start_pod() {
  local number="$1" deadline=$((SECONDS + 30)) log
  start_pod "$number" --http_listen="127.0.0.1:${live_ports[number]}"
  ((live_ports[number] == 0)) || return 0
  log="$WORK/log/pod-$number.log"
  while ((live_ports[number] == 0)); do
    require_pods "$number"
    ((SECONDS < deadline)) || die "pod $number does not say where it serves: see $log"
    live_ports[number]="$(sed -n 's|.* at http://127\.0\.0\.1:\([0-9]*\).*|\1|p' "$log" | head -n 1)"
    [[ -n "${live_ports[number]}" ]] || live_ports[number]=0
    sleep 0.1
  done
}

# Few orders, for as long as somebody looks; some of them twice, some of them bad.
live_start_generator() {
  : >"$WORK/log/generator.log"
  setsid "$BIN/order_generator" --bootstrap_servers="$bootstrap_servers" "${topics[@]}" --create_topics \
    --orders=1000000000 --rate="$LIVE_RATE" --customers="$LIVE_CUSTOMERS" \
    --duplicates_percent="$DUPLICATES_PERCENT" --poison_percent="$POISON_PERCENT" \
    >"$WORK/log/generator.out" 2>"$WORK/log/generator.log" </dev/null &
  generator=$!
  disown "$generator"
}

# The pods take turns at dying.
live_kill_next_pod() {
  local number="$1"
  kill -KILL "${pods[number]}" 2>/dev/null || true
  pods[number]=0
  live_start_pod "$number"
  note "Killed pod $number with -9, and started it again at http://127.0.0.1:${live_ports[number]}/"
}

live_say() {
  local number
  for number in 1 2; do
    note "Pod $number: http://127.0.0.1:${live_ports[number]}/ (paths: readyz metrics v1/status v1/tasks v1/topology v1/parked)"
  done
  note "$LIVE_RATE orders a second flow through them, $DUPLICATES_PERCENT% twice, $POISON_PERCENT% bad. Logs: $WORK/log"
  if [[ -t 0 ]]; then
    note "Press Enter or k to kill a pod with -9 (it starts again), Ctrl-C to end."
  else
    note "Ends on SIGTERM, or SIGINT."
  fi
}

# Until it is told to stop.
live_wait() {
  local next=1 key
  while [[ -z "$live_stopping" ]]; do
    require_pods 1 2
    require_generator
    if [[ ! -t 0 ]]; then
      # In the background, so that a signal is handled at once.
      sleep 1 &
      wait $! || true
      continue
    fi
    key=""
    if read -r -s -n 1 -t 1 key; then
      [[ -z "$live_stopping" ]] || return 0
      # Enter reads as nothing.
      case "$key" in
        "" | k | K)
          live_kill_next_pod "$next"
          next=$((3 - next))
          ;;
      esac
    elif (($? <= 128)); then
      # Neither a second without a key nor a signal: the terminal is gone.
      live_stopping=yes
    fi
  done
}

run_live() {
  local number
  name_run
  live_start_generator
  step "Creating topics, and starting the load" wait_for_orders 1 || die "waiting for the generator failed"
  require_generator
  for number in 1 2; do live_start_pod "$number"; done
  trap 'live_stopping=yes' INT TERM HUP
  live_say
  live_wait
  note "Stopping"
  stop_process "$generator" 10 || die "the generator did not stop on TERM in 10 s"
  generator=0
  for number in 1 2; do
    stop_process "${pods[number]}" 20 || die "pod $number did not stop on TERM in 20 s"
    pods[number]=0
  done
}
