#!/usr/bin/env bash
# Runs the tests. labrun itself annotates the lab files and writes the summary.
#
# From the environment: TEST, SUBJECT, ARGS and ARTIFACTS, the inputs of the action; LABRUN_JOB_INDEX and
# LABRUN_JOB_TOTAL, for labrun.
# Outputs: `exit-code`, and `artifacts`, the folder of what was kept if anything was.
set -euo pipefail
# shellcheck source=.github/action/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[[ $ARTIFACTS != .* && $ARTIFACTS != *['"<>:|*?\/']* ]] ||
  die "the input \`artifacts\` names a folder here and an upload, so it may not begin with a dot or have any of \"<>:|*?\\/" 2
names "$TEST"
words "$ARGS"
subjects "$SUBJECT"

# Through the environment, because what `args` says goes before.
if [[ -n $ARTIFACTS ]]; then
  export LABRUN_ARTIFACTS_DIR=$ARTIFACTS
else
  export LABRUN_ARTIFACTS=never
fi

status=0
labrun test "${TESTED[@]}" "${WORDS[@]}" "${NAMES[@]}" || status=$?
{
  echo "exit-code=$status"
  if [[ -n $ARTIFACTS && -d $ARTIFACTS ]]; then echo "artifacts=$ARTIFACTS"; fi
} >>"$GITHUB_OUTPUT"
exit "$status"
