# The steps of a test, run by a session inside the sandbox. A step does one thing and reports what
# it saw; whether that is a pass is judged by labrun from the events.
#
# Every step ends in one `step` event with its exit status (124: its deadline passed).

# step_run NODE SECONDS COMMAND
step_run() {
  local node=$1
  (
    in_lab
    cd "$LABRUN_CWD" && bounded "$2" "$node" bash -c "$3"
  ) >"$OUT" 2>"$ERR" </dev/null
  step_done "$?"
}

# bounded SECONDS NODE COMMAND...: end the command and all it started when the time is over, with
# status 124 whether SIGTERM was enough or not.
bounded() {
  local seconds=$1 IN began status
  prefix "$2"
  shift 2
  # What outlives the step must not keep labrun waiting for the end of the events.
  exec {EVENTS}>&-
  uptime_ms
  began=$REPLY
  timeout --kill-after=0.5 "$seconds" "${IN[@]}" "$@"
  status=$?
  uptime_ms
  # timeout(1) reports its own SIGKILL as that of anybody else: it comes half a second late.
  ((status != 137 || REPLY - began < 10#${seconds%.*} * 1000 + 500)) || status=124
  exit "$status"
}

# step_ping NODE SECONDS ADDRESS COUNT
step_ping() {
  local node=$1
  (bounded "$2" "$node" ping -n -i 0.2 -c "$4" -- "$3") >"$OUT" 2>"$ERR" </dev/null
  step_done "$?"
}

# step_wait NODE MS KIND VALUE: until a condition holds.
step_wait() {
  local node=$1 deadline
  uptime_ms
  deadline=$((REPLY + $2))
  until wait_condition "$3" "$4"; do
    uptime_ms
    ((REPLY < deadline)) || { step_done 124; return; }
    pause 0.01
  done >/dev/null 2>"$ERR"
  step_done 0
}

wait_condition() {
  case $1 in
    udp | tcp) in_node "$node" bash -c "$(declare -f listening); listening self $1 $2" ;;
    file) (cd "$LABRUN_CWD" && [[ -e $2 ]]) ;;
    command) (in_lab && cd "$LABRUN_CWD" && in_node "$node" timeout 5 bash -c "$2") </dev/null ;;
    # What it printed before the test began proves nothing about the test.
    log) tail -c "+$((MARKS[${2%%:*}] + 1))" -- "$STATE/log/${2%%:*}.log" | grep -qE -- "${2#*:}" ;;
  esac
}

# step_service stop|kill|start|restart NAME MS
step_service() {
  local node command within after environment files ready
  service_describe "$2"
  [[ $1 == start ]] || : >"$STATE/log/$2.stopped"
  case $1 in
    stop) service_stop "$2" TERM "$3" ;;
    kill) service_stop "$2" KILL "$3" ;;
    start) service_again "$2" ;;
    restart) service_stop "$2" TERM "$3" && service_again "$2" ;;
  esac 2>"$ERR"
  step_done "$?"
}

# service_again NAME: have PID 1 start it once more, and wait until it is ready.
service_again() {
  local name=$1 deadline now
  uptime_ms
  deadline=$((REPLY + within))
  if service_pid "$name"; then return 0; fi
  rm -f "$STATE/log/$name.pid" "$STATE/log/$name.exit"
  printf '%s\n' "$name" >"$STATE/control"
  until [[ -s $STATE/log/$name.pid ]] && ! unmet "$name"; do
    if service_ended "$name"; then
      service_failed "$name" died "$(<"$STATE/log/$name.exit")"
      return 1
    fi
    uptime_ms_keep now
    if ((now >= deadline)); then
      service_failed "$name" late "$REPLY"
      return 1
    fi
    pause 0.003
  done
  rm -f "$STATE/log/$name.stopped"
}

# step_link up|down NODE LINK PORT: as a cable that is pulled and put back. With a PORT that is the
# bridge's end, so that the node keeps its addresses and routes and only loses the carrier.
step_link() {
  printf '%s\n' "$2" >>"$STATE/pulled"
  if [[ -n $4 ]]; then
    ip link set dev "$4" "$1" 2>"$ERR"
  else
    ip_in "$2" link set dev "$3" "$1" 2>"$ERR" && { [[ $1 == down ]] || node_again "$2"; }
  fi
  step_done "$?"
}

# links_again: put back the cables that a test pulled.
links_again() {
  local ports handle
  [[ -e $STATE/pulled ]] || return 0
  lab_ports
  ip -force -batch - <<<"$ports" >/dev/null 2>&1
  while read -r handle; do
    node_again "$handle"
  done <"$STATE/pulled"
  rm -f "$STATE/pulled"
}

# node_again NODE: give it back the addresses and routes that went with a link.
node_again() {
  local addresses=
  lab_addresses "$1"
  ip_in "$1" -force -batch - <<<"$addresses" >/dev/null 2>&1 || :
}

# step_done STATUS: the outputs, then the verdict's raw material.
step_done() {
  emit_file "$OUT" 262144 stream=stdout
  emit_file "$ERR" 262144 stream=stderr
  emit step exit:="$1"
}

# restore [gather]: after a test, put the lab back as set-up left it, so that the next test finds it
# whole. What died though no step stopped it is reported: that is the test's result, too, and a reason
# to gather the state before it is gone. If a service does not come back, the lab is broken for the
# tests that follow.
restore() {
  local node command within after environment files ready name client
  [[ $1 != gather ]] || ! any_died || { gather && gathered_send; }
  for client in "$STATE"/client/*; do
    [[ ! -e $client ]] || dhcp_forget "$client"
  done
  resolver_again
  links_again
  for name in $(lab_service_names); do
    service_dead "$name" || continue
    service_describe "$name"
    [[ ${ready[0]} != exit ]] || continue
    if [[ ! -e $STATE/log/$name.stopped ]]; then
      service_failed "$name" died "$(<"$STATE/log/$name.exit")"
    fi
    service_again "$name" || {
      emit failed
      return
    }
  done
  emit restored
}

# any_died: a service has ended that no step has stopped.
any_died() {
  local node command within after environment files ready name
  for name in $(lab_service_names); do
    [[ ! -e $STATE/log/$name.stopped ]] || continue
    service_dead "$name" || continue
    service_describe "$name"
    [[ ${ready[0]} == exit ]] || return 0
  done
  return 1
}
