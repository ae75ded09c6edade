# What runs first on another machine: settles how labs run there, and does there what labrun itself
# does on its own machine. It comes along in the command line, so that standard input is free.
#
#   remote run BOOTSTRAP LENGTH FOLDER ARGUMENT...   run the script of LENGTH bytes that stands first in
#                                                    the input, by BOOTSTRAP, with ARGUMENT..., in FOLDER
#   remote stream ...                                the same, but say nothing oneself
#   remote files                                     the files of a run (files.sh)
#   remote tool COMMAND...                           a command that has nothing to do with labs
#   remote enter INSTANCE NODE [COMMAND...]          a command, or a shell, in a lab that is up
#
# Exit status 3: labs cannot run here, and why is said on standard error.

remote() {
  local HOW ROOT SUDO=() FILES=/var/tmp/labrun-$EUID
  remote_how
  "remote_$1" "${@:2}"
}

# remote_how: how labs run here in $HOW, where their state is in $ROOT (sandbox.sh), and the command
# in front of what needs it in $SUDO.
remote_how() {
  ROOT=/run/labrun
  if ((EUID == 0)); then
    HOW=root
  elif unshare --user --map-root-user --mount --net true 2>/dev/null; then
    HOW=namespaces ROOT=/tmp/labrun-$EUID
  elif ((HERE)); then
    # Who sees to it that a user of this machine may do nothing must not be let in by another door.
    echo 'its kernel refuses user namespaces to ordinary users' >&2
    exit 3
  elif sudo -n true 2>/dev/null; then
    # With this user's PATH, on which the program under test may be.
    HOW=sudo SUDO=(sudo -n -- env "PATH=$PATH")
  else
    echo 'its kernel refuses user namespaces to ordinary users, and sudo asks for a password: log in as root' >&2
    exit 3
  fi
}

remote_run() {
  printf '{"event":"host","how":"%s"}\n' "$HOW"
  remote_stream "$@"
}

remote_stream() {
  cd -- "${3:-.}" || exit 3
  [[ $4 == clean ]] || exec "${SUDO[@]}" bash -c "$1" labrun "$2" "${@:4}"
  # Where no lab is up any more, what was copied for them goes, too.
  "${SUDO[@]}" bash -c "$1" labrun "$2" "${@:4}" || exit
  files_remove
}

remote_tool() {
  exec "$@"
}

# remote_enter: exit status 2, without a word, if there is no such instance.
remote_enter() {
  local state=$ROOT/$1 names
  [[ $1 != */* && $1 != .* ]] || exit 2
  # Root's labs are nobody else's to look at.
  mapfile -t names < <("${SUDO[@]}" ls -- "$ROOT" 2>/dev/null | grep -xe "$1" -e "$1@.*")
  # The only instance of a lab needs no `@`.
  [[ ${names[0]-} == "$1" ]] || {
    ((${#names[@]} == 1)) || exit 2
    state=$ROOT/${names[0]}
  }
  set -- bash "$state/lab.sh" exec "${state##*/}" "${@:2}"
  # The end of a terminal ends what runs on it; without one the end of the connection must.
  [[ ! -t 0 ]] || exec "${SUDO[@]}" "$@"
  remote_start "$PPID" || exit 1
  exec "${SUDO[@]}" bash -c "$(declare -f remote_start remote_tied); remote_tied \"\$@\"" labrun "$PPID" "$REPLY" "$@"
}

# remote_start PID: when it started (field 22 of proc_pid_stat(5)).
remote_start() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra stat <<<"${stat##*) }"
  REPLY=${stat[19]}
}

# remote_tied PID START COMMAND...: COMMAND with this input and output, in a group of its own, which
# ends with the process that PID and START name.
remote_tied() {
  local pid=$1 start=$2 status
  shift 2
  # With job control on, what runs in the background keeps its input.
  set -m
  "$@" <&0 &
  set +m
  {
    while remote_start "$pid" && [[ $REPLY == "$start" ]]; do sleep 0.2; done
    kill -TERM -- "-$!"
    sleep 1
    kill -KILL -- "-$!"
  } <&- >/dev/null 2>&1 &
  pid=$!
  wait %1
  status=$?
  kill -KILL "$pid" 2>/dev/null
  exit "$status"
}
