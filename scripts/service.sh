# The daemons of a lab: starting, judging readiness, stopping.
#
# A service is described by the function lab_runs_NAME of the compiled lab, which sets $node,
# $command, $after, $within (ms), $environment, the readiness conditions in $ready, in $started what is run
# after that, and in $restart whether it is started again when it has failed.

# service_describe NAME: load its description, preferring the stand-in when that runs.
service_describe() {
  node='' command='' within=10000 restart='' after=() environment=() files=() ready=() started=()
  if [[ -e $STATE/stand-in ]] && declare -F "lab_stand_in_$1" >/dev/null; then "lab_stand_in_$1"; else "lab_runs_$1"; fi
}

# in_lab: what every command of a lab finds in its environment, in $OWN.
in_lab() { OWN+=("TMPDIR=$STATE/tmp" "PATH=$STATE/bin:$PATH" "LABRUN_LAB=$LAB" "LABRUN_NODE=$node"); }

# service_files NAME: its folder, with its files in it.
service_files() {
  local node command within restart after environment files ready started i path
  service_describe "$1"
  try "cannot make the folder of service $1" mkdir -p "$STATE/service/$1" || return
  for ((i = 0; i < ${#files[@]}; i += 2)); do
    path=${files[i]}
    [[ $path == /* ]] || path=$STATE/service/$1/$path
    try "cannot write $path of service $1" service_file "$path" "${files[i + 1]}" || return
  done
}

# service_file PATH TEXT: what is there already goes first: below /etc it may be a link to nowhere, as resolv.conf is
# where the host runs systemd-resolved, or belong to a user who is unknown in the sandbox. Of a folder that does, the
# lab gets a copy.
service_file() {
  local folder=${1%/*} own=$STATE/private/own${1%/*}
  mkdir -p -- "$folder" || return
  [[ -w $folder ]] || { mkdir -p "$own" && { cp -rT "$folder" "$own" 2>/dev/null; mount --bind "$own" "$folder"; }; } || return
  rm -f -- "$1" && printf %s "$2" >"$1"
}

# service_start NAME: start it and watch it from a process of its own, which keeps its exit status.
# Only PID 1 calls this, so that a service never hangs on a session that comes and goes.
service_start() {
  local node command within restart after environment files ready started status IN
  service_describe "$1"
  prefix "$node"
  rm -f "$STATE/log/$1.exit" "$STATE/log/$1.pid"
  : >>"$STATE/log/$1.log"
  stat -c %s -- "$STATE/log/$1.log" >"$STATE/log/$1.from"
  emit service "name=$1" "node=$node" state=starting "command=$command"
  (
    trap - INT HUP PIPE
    exec </dev/null >>"$STATE/log/$1.log" 2>&1
    close_others && cd "$STATE/service/$1" || exit
    in_lab
    # A session of its own: a signal to its group reaches whatever the command started. Every
    # word here replaces its process by the next, so $! becomes the daemon.
    # Its environment is not this shell's, where it might rename the command or the node.
    setsid "${IN[@]}" env -i -- "${OWN[@]}" LABRUN_SERVICE="$1" "${environment[@]}" "$BASH" -c "$command" &
    printf '%s\n' "$!" >"$STATE/log/$1.pid"
    # The shell's own note of a signal has no place in the service's output.
    { wait "$!"; } 2>/dev/null
    status=$?
    if service_again "$1" "$status"; then printf '%s\n' "$1" >"$STATE/control"; else printf '%s\n' "$status" >"$STATE/log/$1.exit"; fi
  ) &
  LOG_WRITER[$1]=$!
  disown
  # The pid file is what everything else goes by. On a full disk it never comes, and the service is late.
  wait_for 2000 test -s "$STATE/log/$1.pid" || :
}

# service_again NAME STATUS: it has failed in a lab that is up, and PID 1 is to start it again, which is noted; not
# more than 5 times in a minute, or what never works would look alive for ever.
service_again() {
  local times
  [[ -n $restart && $2 != 0 && -e $STATE/private/ready && ! -e $STATE/log/$1.stopped ]] || return
  mapfile -t times < <(tail -n 5 -- "$STATE/log/$1.restarts" 2>/dev/null)
  uptime_ms && { ((${#times[@]} < 5)) || ((REPLY - ${times[0]% *} > 60000)); } && printf '%s\n' "$REPLY $2" >>"$STATE/log/$1.restarts"
}

# service_ended NAME: how is noted. Between its making and its writing the note is empty, and says nothing yet.
service_ended() { [[ -s $STATE/log/$1.exit ]]; }

# service_pid NAME: its process in $REPLY, if it runs.
service_pid() { REPLY= && ! service_ended "$1" && { read -r REPLY <"$STATE/log/$1.pid"; } 2>/dev/null; }

# service_command NAME SECONDS TEXT: a shell command beside the service, which is described.
service_command() { (close_others && exec </dev/null && in_lab && cd "$STATE/service/$1" && in_node "$node" env -i -- "${OWN[@]}" "${environment[@]}" timeout "$2" "$BASH" -c "$3"); }

# condition NAME KIND VALUE: one readiness condition of the started service NAME holds now.
condition() {
  local began
  case $2 in
    udp | tcp) service_pid "$1" && listening "$REPLY" "$2" "$3" ;;
    # What it printed before it was started again says nothing of now.
    log) log_since "$1" | grep -qaE -- "$3" ;;
    file) [[ -e $3 ]] || (cd "$STATE/service/$1" && [[ -e $3 ]]) ;;
    command) service_command "$1" 2 "$3" >/dev/null 2>&1 ;;
    running) service_pid "$1" && start_time "$REPLY" && began=$REPLY && uptime_ms && ((REPLY - began * 10 >= $3)) ;;
  esac
}

# listening PID udp|tcp PORT: a process of $service, whose first is PID, has a socket on PORT in its node (TCP:
# listening). Others may have one, too: in the same node, or where PID is before it has entered its own.
listening() {
  local hex pid lines which=-lt
  [[ $2 == tcp ]] || which=-au
  printf -v hex '%04X' "$3"
  # Asking whose it is takes processes.
  { mapfile -t lines <"/proc/$1/net/$2" && mapfile -t -O "${#lines[@]}" lines <"/proc/$1/net/${2}6"; } 2>/dev/null
  [[ ${lines[*]-} == *":$hex "* ]] || return
  while read -r pid; do
    came_from "$1" "${pid#pid=}" && return
  done < <(nsenter --net="/proc/$1/ns/net" ss -Hnp "$which" "sport = :$3" 2>/dev/null | grep -o 'pid=[0-9]*')
  return 1
}

# came_from FIRST PID: the process PID is in the session of FIRST, was started by it, or has left both and kept the
# environment of $service.
came_from() {
  local parent=$2 session line
  grep -qszxF "LABRUN_SERVICE=$service" "/proc/$2/environ" && return
  while ((parent > 1)); do
    { read -r line <"/proc/$parent/stat"; } 2>/dev/null || return
    # After the name: the state, the parent, the group, the session.
    read -r _ parent _ session _ <<<"${line##*) }"
    [[ $session != "$1" && $parent != "$1" ]] || return 0
  done
  return 1
}

# unmet NAME: the conditions of NAME that do not hold yet, as text in $REPLY; fails if there are none.
unmet() {
  local service=$1 i text=
  for ((i = 0; i < ${#ready[@]}; i += 2)); do condition "$service" "${ready[@]:i:2}" || text+="${text:+, }${ready[*]:i:2}"; done
  REPLY=$text
  [[ -n $text ]]
}

# services_up NAME...: start them in the order their `after` asks for, side by side otherwise, and
# wait until all are ready. The first that dies or is late ends it.
services_up() {
  local node command within restart after environment files ready started name other lacking status text waiting=$#
  local -A state=() deadline=() began=()
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
        [[ ${ready[0]} == exit && ${ready[1]} == "$status" ]] || { service_failed "$name" died "$status"; return 1; }
      elif [[ ${ready[0]} == exit ]] || unmet "$name"; then
        lacking=$REPLY
        [[ ${ready[0]} != exit ]] || lacking="exit ${ready[1]}"
        uptime_ms
        ((REPLY < deadline[$name])) || { service_failed "$name" late "$lacking"; return 1; }
        continue
      fi
      for text in "${started[@]}"; do
        service_command "$name" $((within / 1000 + 1)) "$text" >>"$STATE/log/$name.log" 2>&1 || { service_failed "$name" failed "$text"; return 1; }
      done
      state[$name]=ready waiting=$((waiting - 1))
      uptime_ms
      emit service "name=$name" "node=$node" state=ready ms:="$((REPLY - began[$name]))"
    done
    logs_bound
    ((!waiting)) || pause 0.003
  done
  # One that became ready early may have died while the others were waited for.
  for name; do
    service_describe "$name"
    [[ ${ready[0]} == exit ]] || ! service_ended "$name" || { service_failed "$name" died "$(<"$STATE/log/$name.exit")"; return 1; }
  done
}

# service_failed NAME died|late|failed DETAIL: all that is known of it, with its last 20 lines.
service_failed() {
  local node command within restart after environment files ready started lines line detail=(status:="${3:-null}")
  service_describe "$1"
  [[ $2 == died ]] || detail=("waiting=$3" within:="$within")
  emit service "name=$1" "node=$node" "state=$2" "${detail[@]}" "command=$command" "log=$STATE/log/$1.log"
  mapfile -t lines < <(tail -c 65536 -- "$STATE/log/$1.log" | tail -n 20 | tr -d '\000' | cut -c 1-1000)
  ((${#lines[@]})) || lines=('(it printed nothing)')
  for line in "${lines[@]}"; do emit log "service=$1" "line=$line"; done
}
