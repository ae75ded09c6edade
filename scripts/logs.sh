# The services' output, of which the start and the end are kept: what is between goes, when it is too much,
# by a hole in the file, so that places in it stay where they are. log/NAME.cut says where the hole is.

# There may be LOG_MORE before a hole is made. In LOG_SEEN bytes a pattern is looked for.
LOG_START=$((1 << 20)) LOG_END=$((4 << 20)) LOG_MORE=$((4 << 20)) LOG_SEEN=$((1 << 20)) LOG_DUE=0
# By service: the process whose output is the log, and where the hole in it ends.
declare -A LOG_WRITER=() LOG_HOLE=()

# log_size NAME: how many bytes the service has printed, in $REPLY, as far as its process tells: all that
# write to the log share its descriptor. Asking costs no process, so that it can be asked often.
log_size() { REPLY=0 && { read -r _ REPLY <"/proc/${LOG_WRITER[$1]}/fdinfo/1"; } 2>/dev/null; }

# logs_bound: keep every log below LOG_START + LOG_END + LOG_MORE, and what is printed until the next time.
# Only PID 1 calls this, as often as it likes: it asks less often the more services there are.
logs_bound() {
  local name to log
  uptime_ms
  ((REPLY >= LOG_DUE)) || return 0
  LOG_DUE=$((REPLY + 100 + 2 * ${#LOG_WRITER[@]}))
  for name in "${!LOG_WRITER[@]}"; do
    log=$STATE/log/$name.log
    log_size "$name" || { unset "LOG_WRITER[$name]" && REPLY=$(stat -c %s -- "$log"); } || continue
    to=$((REPLY - LOG_END & ~4095))
    ((to - ${LOG_HOLE[$name]-LOG_START} >= LOG_MORE)) || continue
    # On a file system without holes all of it goes, rather than the space of everybody.
    fallocate --punch-hole --offset "$LOG_START" --length $((to - LOG_START)) -- "$log" 2>/dev/null ||
      { truncate -s 0 -- "$log"; continue; }
    LOG_HOLE[$name]=$to
    printf '%s %s\n' "$LOG_START" "$to" >"$STATE/log/$name.cut"
  done
}

# log_since NAME: what the service printed since it was started, or the beginning and the end of that.
log_since() {
  local log=$STATE/log/$1.log from
  from=$(<"$STATE/log/$1.from")
  tail -c "+$((from + 1))" -- "$log" 2>/dev/null | head -c "$LOG_SEEN"
  log_size "$1"
  ((REPLY - from <= LOG_SEEN)) || tail -c "$LOG_SEEN" -- "$log"
}

# noted FILE: what is in it, the start of that, in $REPLY. This is how the files that a lab's own programs can write to are
# read outside of it: they may have put a link or a pipe there.
noted() { REPLY= && [[ -f $1 ]] && { REPLY=$(dd if="$1" iflag=nofollow,nonblock bs=64K count=1 status=none); } 2>/dev/null; }

# log_events STATE SERVICE [TAIL-OPTION...]: its lines as `log` events, each cut to what can be shown. No line
# is read by this shell, which would take it a byte at a time.
log_events() {
  local log=$1/log/$2.log from=0 to=0 escapes='' code
  for code in "${CONTROLS[@]}"; do escapes+="s/\\x$code/\\\\u00$code/g;"; done
  # Anything else would be evaluated.
  noted "$1/log/$2.cut" && [[ $REPLY == +([0-9])' '+([0-9]) ]] && read -r from to <<<"$REPLY"
  {
    ((!to)) || { dd if="$log" iflag=nofollow,nonblock,count_bytes count="$from" status=none && printf '\n(%s bytes are left out here)\n' $((to - from)); }
    if (($# > 2)); then tail -c "+$((to + 1))" "${@:3}" -- "$log"; else dd if="$log" iflag=nofollow,nonblock,skip_bytes skip="$to" bs=64K count=1024 status=none; fi
  } 2>/dev/null | stdbuf -oL cut -b -1500 |
    LC_ALL=C stdbuf -oL sed -e 's/\x00//g; s/[\\"]/\\&/g' -e "/[\\x01-\\x1f\\x7f]/{$escapes}" \
      -e "s/.*/{\"event\":\"log\",\"service\":\"$2\",\"line\":\"&\"}/" >&"$EVENTS"
}
