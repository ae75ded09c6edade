#!/usr/bin/env bash
# Installs the packages that the labs need. Where that is not possible it says so and leaves it to
# labrun to name what a test lacks.
#
# From the environment: TEST, SUBJECT and ARGS, the inputs of the action.
set -euo pipefail
# shellcheck source=.github/action/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

as_root() { if ((EUID)); then sudo -n "$@"; else "$@"; fi; }

# What of the arguments says which packages these are.
options=()
subjects "$SUBJECT"
options+=("${TESTED[@]}")
words "$ARGS"
set -- "${WORDS[@]}"
while (($#)); do
  case $1 in
    --file | --client | --host | --subject) options+=("$1" "${2-}") && shift ;;
    --file=* | --client=* | --host=* | --subject=* | --strict | --no-strict) options+=("$1") ;;
  esac
  shift || :
done
names "$TEST"

doctor() { labrun doctor "$@" "${options[@]}" -- "${NAMES[@]}"; }
status=0
doctor >"$RUNNER_TEMP/doctor.log" || status=$?
case $status in
  0) exit 0 ;;
  # A wrong name, or a lab file with mistakes, which labrun has named.
  2) exit 2 ;;
esac
command -v apt-get >/dev/null || {
  warn 'this machine has no apt-get: packages that the labs need must have been installed by its own means'
  exit 0
}

# A package may start its daemon (isc-dhcp-relay does), which has no business on this machine.
policy=/usr/sbin/policy-rc.d
forbid() { printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"; }
if [[ ! -e $policy ]]; then
  trap 'as_root rm -f "$policy"' EXIT
  forbid || warn 'packages may start their daemons on this machine'
fi
if doctor --install | tee "$RUNNER_TEMP/doctor.log"; then exit; fi
# Package lists are older than the machine's image, which only shows when the installation fails.
if grep -q '^the installation failed' "$RUNNER_TEMP/doctor.log"; then
  as_root apt-get -qq update || warn 'some package lists could not be refreshed'
  if doctor --install; then exit; fi
fi
warn 'not everything that the labs need is there: the tests that lack it say so'
