#!/bin/bash
# Begins a search, or goes on with it where it has begun before: what every scheduler may start
# again as often as it likes.
#
#   search.sh RECIPE STUDY [options of `automtl search`]
#
# The options count at the beginning only; the study remembers them.
set -euo pipefail

recipe=$1
study=$2
shift 2

if [ -e "$study/settings.json" ]; then
    # A controller that died on another machine holds the study for one more minute.
    sleep "${AUTOMTL_WAIT_S:-65}"
    exec automtl resume "$study" --takeover
fi
exec automtl search "$recipe" --folder "$study" "$@"
