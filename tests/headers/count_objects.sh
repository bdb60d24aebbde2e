#!/usr/bin/env bash
# Each argument is the object of one header that was compiled alone.
set -euo pipefail
(($# > 0)) || { echo "no header was compiled: does //processor:public_headers still name them?" >&2; exit 1; }
for object in "$@"; do [[ -s $object ]] || { echo "$object is missing" >&2; exit 1; }; done
echo "$# public headers compile by themselves"
