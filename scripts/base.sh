# Events, waiting and process identity: what every other part of the runtime stands on.
#
# Events are one JSON object a line on file descriptor $EVENTS. A line stays below PIPE_BUF
# (4096 bytes, pipe(7)), so lines from parallel writers never mix.

export LC_ALL=C.UTF-8
# Options and such that came by the environment would change the meaning of all that follows.
export -n SHELLOPTS BASHOPTS
unset -v BASH_ENV ENV CDPATH GLOBIGNORE POSIXLY_CORRECT
set +aefkC +o posix +o pipefail
shopt -u dotglob extdebug failglob inherit_errexit lastpipe nocaseglob nocasematch nullglob xpg_echo
# Nobody else reads what labs keep outside, but daemons that drop privileges do inside.
umask 022
# An ordinary user's PATH lacks the folders that ip, dnsmasq and dhclient live in on Debian.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
EVENTS=1 FLAGS=()

# All that a lab has of the environment that it is set up in, as words of env(1): its programs are a lab file's, and
# none of their business is what else a user or a CI service keeps there. $PASS is the lab's `pass-env`.
OWN=()
for REPLY in PATH HOME USER LOGNAME SHELL TERM TZ LC_ALL "${PASS[@]}"; do [[ ! -v $REPLY ]] || OWN+=("$REPLY=${!REPLY}"); done

# Control characters, which JSON has no room for, in hexadecimal.
CONTROLS=(0{{1..9},{a..f}} 1{{0..9},{a..f}} 7f)

# json_text TEXT: TEXT as a JSON string in $REPLY.
json_text() {
  local s=$1 code char
  s=${s//\\/\\\\}
  s=${s//\"/\\\"}
  [[ $s != *[[:cntrl:]]* ]] || for code in "${CONTROLS[@]}"; do
    printf -v char %b "\\x$code"
    s=${s//"$char"/\\u00$code}
  done
  REPLY="\"$s\""
}

# emit EVENT [key=TEXT | key:=JSON]...
emit() {
  local line="{\"event\":\"$1\",\"time\":$EPOCHREALTIME" field key
  shift
  for field; do
    key=${field%%=*}
    if [[ $key == *: ]]; then REPLY=${field#*=}; else json_text "${field#*=}"; fi
    line+=",\"${key%:}\":$REPLY"
  done
  # Nobody may be listening any more.
  { printf '%s}\n' "$line" >&"$EVENTS"; } 2>/dev/null || :
}

# uptime_ms: milliseconds since boot in $REPLY. Deadlines use it because the wall clock may jump.
uptime_ms() {
  read -r REPLY _ </proc/uptime
  REPLY=$((10#${REPLY/./} * 10))
}

# pause SECONDS: wait without starting a process, by reading from a pipe that nobody writes to.
pause() { [[ -v TICK ]] || exec {TICK}<> <(:); read -rt "$1" -u "$TICK" || :; }

# wait_for MS COMMAND...: until it succeeds, or fail after MS.
wait_for() {
  local deadline
  uptime_ms && deadline=$((REPLY + $1))
  until "${@:2}"; do
    uptime_ms && ((REPLY < deadline)) || return
    pause 0.003
  done
}

# start_time PID: when PID started, in clock ticks since boot (field 22 of proc_pid_stat(5)).
start_time() {
  local stat
  REPLY=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # Fields are counted from after the command name, which may itself hold blanks and brackets.
  read -ra stat <<<"${stat##*) }"
  # A zombie is dead: nothing of it runs any more.
  [[ ${stat[0]} != [ZX] ]] || return 1
  REPLY=${stat[19]}
}

# alive FILE: the process that FILE names by "PID START" still runs. A lab's supervisor is the first process of a PID
# namespace below this one, see proc_pid_status(5): none else is taken for it, and ended.
alive() {
  local pid start lines
  [[ -f $1 ]] && { read -r pid start <"$1"; } 2>/dev/null && [[ -n $start ]] && start_time "$pid" && [[ $REPLY == "$start" ]] || return
  [[ $1 != */supervisor ]] || { { mapfile -t lines <"/proc/$pid/status"; } 2>/dev/null && [[ ${lines[*]} == *' NSpid:'+([[:blank:]0-9])[[:blank:]]'1 NS'* ]]; }
}

# try WHAT COMMAND...: if it fails, twice, say WHAT went wrong, and why, such as that a disk is full. Only the second time in a
# process of its own, which takes longer than most that is tried.
try() {
  "${@:2}" >/dev/null 2>&1 && return
  REPLY=$("${@:2}" 2>&1) && return
  emit error "message=$1: ${REPLY##*: }"
  return 1
}

# write FILE TEXT
write() { printf '%s\n' "$2" >"$1"; }

# fail TEXT: report a mistake in how the script was called, or something it can't explain better.
fail() {
  emit error "message=$1"
  printf 'labrun: %s\n' "$1" >&2
  exit "${2:-4}"
}
