#!/usr/bin/env bash
# The script that bash is given completes words and flags, as bash calls it.
set -euo pipefail
program=$PWD/$1
source <("$program" completion bash)

complete_for() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  _order_totals
  echo "${COMPREPLY[*]-}"
}
expect() {
  if [[ " $2 " != *" $1 "* ]]; then
    echo "expected $1 among: $2" >&2
    exit 1
  fi
}

expect parked "$(complete_for order_totals pa)"
expect skip "$(complete_for order_totals parked s)"
expect --yes "$(complete_for order_totals parked skip customer alice --y)"
expect --bootstrap_servers= "$(complete_for order_totals parked list --boot)"
expect --limit= "$(complete_for order_totals --application_id = x parked list --li)"
expect --format= "$(complete_for order_totals topology --f)"
[[ -z $(complete_for order_totals parked list --ye) ]] || { echo "parked list takes no --yes" >&2; exit 1; }
! command -v zsh > /dev/null || zsh -n <("$program" completion zsh)
! command -v fish > /dev/null || "$program" completion fish | fish --no-execute
