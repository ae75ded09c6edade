# What the verbs of main.sh have done inside the sandbox: the set-up, a session's requests, commands.

# lab_up: PID 1's work, until the lab is ready.
lab_up() {
  local name names network
  sandbox_mounts
  lab_network
  apply "$REPLY$network" && sandbox_again && lab_rules || return
  mapfile -t names < <(lab_service_names)
  for name in "${names[@]}"; do
    service_files "$name" || return
  done
  services_up "${names[@]}"
}

# serve CAPTURER: requests, one a line, from standard input:
#   begin [HANDLE...] a test begins, and the capture in these namespaces
#   captured          the capture ends: report it
#   step TEST/INDEX   run that step      tell      report what the services printed since `begin`
#   gather            report the state of everything
#   keep              leave the lab up   follow    report the services' output as it comes
#   restore [gather]  put the lab back as set-up left it; gather first if a service has died
# The end of the input ends the session, in the middle of a step too.
serve() {
  local request argument service
  OUT=$STATE/tmp/.out ERR=$STATE/tmp/.err
  capture_start "$1"
  while read -r request argument; do
    case $request in
      # In the background, so that the end of the input is seen while the step runs.
      step)
        : >"$OUT" && : >"$ERR"
        lab_step "$argument" </dev/null &
        ;;
      begin)
        # Said first, so that the capturer begins meanwhile.
        capture_say "begin $argument"
        logs_mark
        ;;
      captured) capture_say end ;;
      tell) logs_since ;;
      gather) { gather; gathered_send; } </dev/null & ;;
      restore) restore "$argument" </dev/null & ;;
      follow) for service in $(lab_service_names); do log_events "$service" -F "$STATE/log/$service.log" </dev/null & done ;;
      keep) : >"$STATE/keep" ;;
      *) emit error "message=unknown request $request" ;;
    esac
  done
  end_session
}

# logs_mark: remember how much the services have printed so far.
logs_mark() {
  local service
  declare -gA MARKS=()
  for service in $(lab_service_names); do
    MARKS[$service]=$(stat -c %s -- "$STATE/log/$service.log" 2>/dev/null || echo 0)
  done
}

# logs_since: of what each service has printed since then, the last lines and the first that sound like
# the trouble (a stack trace would push them out). One that died is reported by `restore`.
logs_since() {
  local service line
  for service in $(lab_service_names); do
    ! service_dead "$service" || continue
    tail -c "+$((MARKS[$service] + 1))" -- "$STATE/log/$service.log" 2>/dev/null |
      awk '{ line[NR] = $0 }
        tolower($0) ~ /panic|fatal|error|fail|refuse|denied|cannot/ && n < 5 { keep[NR]; n++ }
        END { for (i = 1; i <= NR; i++) if (i in keep || i > NR - 5) print line[i] }' |
      while IFS= read -r line || [[ -n $line ]]; do
        emit log "service=$service" "line=${line:0:1000}"
      done
  done
  emit told
}

# end_session: nothing that this session started survives it, except the services.
end_session() {
  local stat pid fields
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r fields <"$stat"; } 2>/dev/null || continue
    pid=${fields%% *}
    read -ra fields <<<"${fields##*) }"
    # Field 6 of proc_pid_stat(5) is the session; this process leads its own.
    [[ ${fields[3]} != "$$" || $pid == "$$" ]] || kill -KILL "$pid" 2>/dev/null
  done
}

# execute NODE COMMAND...: without a command, an interactive shell.
execute() {
  local node IN
  lab_handle "$1" || fail "the lab $LAB has no node $1" 2
  node=$REPLY
  prefix "$node"
  in_lab
  cd "$LABRUN_CWD" 2>/dev/null || cd / || :
  exec {EVENTS}>&- {TICK}>&-
  # `ip netns exec` would end with status 1 where there is no such command; a shell says 127.
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  if (($# > 1)); then exec -- "${IN[@]}" "$BASH" -c 'exec -- "$@"' labrun "${@:2}"; fi
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  printf '[ ! -f ~/.bashrc ] || . ~/.bashrc
PS1=%q
' "($LAB $1) \\w # " >"$STATE/tmp/.shellrc"
  exec -- "${IN[@]}" bash --rcfile "$STATE/tmp/.shellrc" -i
}
