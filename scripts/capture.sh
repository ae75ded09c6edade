# The packets of a session's tests: the agent, running inside the sandbox, sees
# what every interface of the lab's own namespace sends and receives, and those of the nodes that a test
# names.
#
# It answers with events of its own (`begun`; `output`s and `captured`). Whoever asked also gets an
# answer when it cannot run or dies: `no-capture`.

# capture_start CAPTURER: start it; CAPTURER may be empty, then there is none.
capture_start() {
  local captured handle namespaces=(--namespace global)
  [[ -n $1 ]] || {
    emit no-capture 'reason=no capturer was given'
    return
  }
  lab_captured
  for handle in "${captured[@]}"; do
    namespaces+=(--namespace "$handle=/run/netns/$handle")
  done
  # The pipe to a coprocess is closed in whatever else is started here, so with this shell the
  # capturer's input ends, and the capturer.
  coproc CAPTURE {
    "$1" _capture "${namespaces[@]}" 1>&"$EVENTS" 2>"$STATE/tmp/.capturer"
    emit no-capture "reason=the capturer ended with exit status $?: $(tail -n 1 "$STATE/tmp/.capturer")"
  }
  # No word of the shell's own when it is killed at the end of the session.
  disown "$CAPTURE_PID"
}

# capture_say COMMAND: tell the capturer, if there is one.
capture_say() {
  { [[ -z ${CAPTURE[1]-} ]] || printf '%s\n' "$1" >&"${CAPTURE[1]}"; } 2>/dev/null || :
}
