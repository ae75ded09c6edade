# The daemons of a lab: starting, judging readiness, stopping.
#
# A service is described by the function lab_runs_NAME of the compiled lab, which sets $node,
# $command, $after, $within (ms), $environment and the readiness conditions in $ready.

# service_describe NAME: load its description, preferring the stand-in when that runs.
service_describe() {
  node='' command='' within=10000
  after=() environment=() files=() ready=()
  if [[ -e $STATE/stand-in ]] && declare -F "lab_stand_in_$1" >/dev/null; then
    "lab_stand_in_$1"
  else
    "lab_runs_$1"
  fi
}

# in_lab: what every command of a lab finds in its environment.
in_lab() {
  export TMPDIR=$STATE/tmp PATH=$STATE/bin:$PATH LABRUN_LAB=$LAB LABRUN_NODE=$node
}

# service_files NAME: its folder, with its files in it.
service_files() {
  local node command within after environment files ready i path
  service_describe "$1"
  mkdir -p "$STATE/service/$1" || return
  for ((i = 0; i < ${#files[@]}; i += 2)); do
    path=${files[i]}
    [[ $path == /* ]] || path=$STATE/service/$1/$path
    # What is there already goes first: below /etc it may be a link to nowhere, as resolv.conf is where
    # the host runs systemd-resolved, or belong to a user who is unknown in the sandbox.
    if ! { mkdir -p -- "${path%/*}" && rm -f -- "$path" && printf %s "${files[i + 1]}" >"$path"; }; then
      emit error "message=cannot write $path of service $1"
      return 1
    fi
  done
}

# service_start NAME: start it and watch it from a process of its own, which keeps its exit status.
# Only PID 1 calls this, so that a service never hangs on a session that comes and goes.
service_start() {
  local node command within after environment files ready IN i
  service_describe "$1"
  prefix "$node"
  rm -f "$STATE/log/$1.exit" "$STATE/log/$1.pid"
  : >>"$STATE/log/$1.log"
  stat -c %s -- "$STATE/log/$1.log" >"$STATE/log/$1.from"
  emit service "name=$1" "node=$node" state=starting "command=$command"
  (
    trap - INT HUP PIPE
    exec {TICK}>&- {EVENTS}>&- </dev/null >>"$STATE/log/$1.log" 2>&1
    cd "$STATE/service/$1" || exit
    in_lab
    # A session of its own: a signal to its group reaches whatever the command started. Every
    # word here replaces its process by the next, so $! becomes the daemon.
    # Its environment is not this shell's, where it might rename the command or the node.
    setsid "${IN[@]}" env -- "${environment[@]}" "$BASH" -c "$command" &
    printf '%s\n' "$!" >"$STATE/log/$1.pid"
    # The shell's own note of a signal has no place in the service's output.
    { wait "$!"; } 2>/dev/null
    printf '%s\n' "$?" >"$STATE/log/$1.exit"
  ) &
  LOG_WRITER[$1]=$!
  disown
  # The pid file is what everything else goes by. On a full disk it never comes, and the service is late.
  for ((i = 0; i < 2000; i++)); do
    [[ ! -s $STATE/log/$1.pid ]] || break
    pause 0.001
  done
}

# service_ended NAME: how is noted. Between its making and its writing the note is empty, and says nothing yet.
service_ended() { [[ -s $STATE/log/$1.exit ]]; }

# service_pid NAME: its process in $REPLY, if it runs.
service_pid() {
  REPLY=
  ! service_ended "$1" && { read -r REPLY <"$STATE/log/$1.pid"; } 2>/dev/null
}

# condition NAME KIND VALUE: one readiness condition of the started service NAME holds now.
condition() {
  local pid
  case $2 in
    udp | tcp)
      service_pid "$1" || return
      listening "$REPLY" "$2" "$3"
      ;;
    # What it printed before it was started again says nothing of now.
    log) log_since "$1" | grep -qaE -- "$3" ;;
    file) [[ -e $3 ]] || (cd "$STATE/service/$1" && [[ -e $3 ]]) ;;
    command) (in_lab && cd "$STATE/service/$1" && in_node "$node" env -- "${environment[@]}" timeout 2 "$BASH" -c "$3") >/dev/null 2>&1 </dev/null ;;
    running)
      service_pid "$1" || return
      pid=$REPLY
      start_time "$pid" || return
      pid=$REPLY
      uptime_ms
      ((REPLY - pid * 10 >= $3))
      ;;
  esac
}

# listening PID udp|tcp PORT: the network namespace of PID has a socket on PORT (TCP: listening).
listening() {
  local hex file lines line fields
  printf -v hex '%04X' "$3"
  for file in "/proc/$1/net/$2" "/proc/$1/net/${2}6"; do
    { mapfile -t lines <"$file"; } 2>/dev/null || continue
    for line in "${lines[@]:1}"; do
      read -ra fields <<<"$line"
      [[ ${fields[1]} == *":$hex" && ($2 == udp || ${fields[3]} == 0A) ]] && return 0
    done
  done
  return 1
}

# unmet NAME: the conditions of NAME that do not hold yet, as text in $REPLY; fails if there are none.
unmet() {
  local service=$1 i text=
  for ((i = 0; i < ${#ready[@]}; i += 2)); do
    condition "$service" "${ready[i]}" "${ready[i + 1]}" || text+="${text:+, }${ready[i]} ${ready[i + 1]}"
  done
  REPLY=$text
  [[ -n $text ]]
}

# services_up NAME...: start them in the order their `after` asks for, side by side otherwise, and
# wait until all are ready. The first that dies or is late ends it.
services_up() {
  local node command within after environment files ready name other now status
  local -A state=() deadline=() began=()
  local waiting=$#
  for name; do state[$name]=waiting; done
  while ((waiting)); do
    for name; do
      [[ ${state[$name]} != ready ]] || continue
      service_describe "$name"
      if [[ ${state[$name]} == waiting ]]; then
        for other in "${after[@]}"; do
          # One that is not in this call was started before it.
          [[ ${state[$other]-ready} == ready ]] || continue 2
        done
        uptime_ms
        began[$name]=$REPLY deadline[$name]=$((REPLY + within)) state[$name]=starting
        service_start "$name"
      fi
      if service_ended "$name"; then
        status=$(<"$STATE/log/$name.exit")
        if [[ ${ready[0]} != exit || ${ready[1]} != "$status" ]]; then
          service_failed "$name" died "$status"
          return 1
        fi
      elif [[ ${ready[0]} == exit ]] || unmet "$name"; then
        [[ ${ready[0]} != exit ]] || REPLY="exit ${ready[1]}"
        uptime_ms_keep now
        if ((now >= deadline[$name])); then
          service_failed "$name" late "$REPLY"
          return 1
        fi
        continue
      fi
      state[$name]=ready
      ((waiting -= 1))
      uptime_ms
      emit service "name=$name" "node=$node" state=ready ms:="$((REPLY - began[$name]))"
    done
    logs_bound
    ((!waiting)) || pause 0.003
  done
  # One that became ready early may have died while the others were waited for.
  for name; do
    service_describe "$name"
    if [[ ${ready[0]} != exit ]] && service_ended "$name"; then
      service_failed "$name" died "$(<"$STATE/log/$name.exit")"
      return 1
    fi
  done
}

# uptime_ms_keep VARIABLE: uptime_ms into VARIABLE, leaving $REPLY alone.
uptime_ms_keep() {
  local kept=$REPLY
  uptime_ms
  printf -v "$1" %s "$REPLY"
  REPLY=$kept
}

# service_failed NAME died|late DETAIL: all that is known of it, with its last 20 lines.
service_failed() {
  local node command within after environment files ready lines line
  service_describe "$1"
  if [[ $2 == died ]]; then
    emit service "name=$1" "node=$node" state=died status:="${3:-null}" "command=$command" "log=$STATE/log/$1.log"
  else
    emit service "name=$1" "node=$node" state=late "waiting=$3" within:="$within" "command=$command" "log=$STATE/log/$1.log"
  fi
  mapfile -t lines < <(tail -c 65536 -- "$STATE/log/$1.log" | tail -n 20 | tr -d '\000' | cut -c 1-1000)
  ((${#lines[@]})) || lines=('(it printed nothing)')
  for line in "${lines[@]}"; do
    emit log "service=$1" "line=$line"
  done
}
