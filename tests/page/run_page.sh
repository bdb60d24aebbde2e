#!/usr/bin/env bash
# Runs a Python file of the source tree by Debian's Python, which has Debian's Selenium.
set -euo pipefail
exec /usr/bin/python3 -B "$(readlink -f "$1")" "${@:2}"
