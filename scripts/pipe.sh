# The text of the program is what PID 1 of its sandbox runs, too, but what comes from a pipe can be read
# only once. There this takes in all that follows, puts itself before it again, and runs that.
if [[ ! -v LAB_PROGRAM && ! -v BASH_EXECUTION_STRING && ! -f ${BASH_SOURCE-} ]]; then
  LAB_PROGRAM=$(cat ${BASH_SOURCE[0]:+"${BASH_SOURCE[0]}"})
  printf -v LAB_PROGRAM "#!/usr/bin/env bash\n%s\nPIPE=\x27%s\x27\neval \"\$PIPE\"\n%s" \
    "# shellcheck disable=SC2016 # expanded by the eval" "$PIPE" "$LAB_PROGRAM"
  eval "$LAB_PROGRAM"
  exit
fi
