# The verbs, and what they do outside the sandbox; what they have done inside it is in inside.sh.
#
#   bash lab.sh [OPTION...] [setup | session | anew | clean | status | exec | logs | missing] [ARGUMENT...]
#
#   setup             bring the lab up and leave it up (the default)
#   session           set up unless it is up, let the agent serve standard input, end as found
#   anew              the same, but make a lab that is up anew
#   clean [--force] [NAME...]      end these instances; none named, a lab's script ends its own, and the
#                     runtime without a lab all; one that another labrun is at work in only with --force
#   status            list the instances
#   exec NAME NODE COMMAND...      run a command in a node of an instance
#   logs NAME [-f] [SERVICE...]    the services' output
#   missing           report what this machine lacks for the lab
#
#   --instance NAME   another instance of the lab than the unnamed one
#   --subject PATH    the program under test;  --subject-how WORD  where it is from
#   --strict          no stand-in
#   --allow env,write,uplink,device   what the lab file asks for is granted: variables of `pass-env`, folders of
#                     `writable`, links of `uplink` and of `device`
#   --keep            leave a lab up whose set-up failed
#   --agent PATH      labrun's own program, which does what is done in a lab that is up
#   --gather          have it report the state of a lab whose set-up failed
#   --tied            give up when standard input ends while the lab is being set up or logs are followed

# parse OPTION...: the options into variables, the rest into the array $WORDS.
parse() {
  INSTANCE='' SUBJECT='' SUBJECT_HOW='' STRICT=0 KEEP=0 GATHER=0 TIED=0 AGENT='' ALLOW='' STATE='' HOW='' BEGUN='' LABRUN_CWD=$PWD
  local option
  while [[ ${1-} == --* ]]; do
    option=${1#--} option=${option//-/_} option=${option^^}
    case $1 in
      --cwd) LABRUN_CWD=$2 && shift ;;
      --instance | --subject | --subject-how | --agent | --allow | --state) printf -v "$option" %s "$2" && shift ;;
      --strict | --keep | --gather | --tied) printf -v "$option" 1 ;;
      *) fail "unknown option $1" 2 ;;
    esac
    shift
  done
  WORDS=("$@")
}

main() {
  # When labrun is killed, an event must not end this shell before it has cleaned up. A handler is
  # reset in every program started from here, so daemons die of SIGPIPE as anywhere else.
  trap : PIPE
  local lock
  # Without symbolic links.
  cd -P . || exit
  parse "$@"
  set -- "${WORDS[@]}"
  # A descriptor of their own, so that no redirection of a command's output catches events; none
  # where the output is a command's alone.
  if [[ ${1-} == ?(_)exec ]]; then exec {EVENTS}>/dev/null; else exec {EVENTS}>&1; fi
  state_root
  [[ ${1-} != @(status|exec|logs) ]] || { own_root && exec {lock}<&-; }
  NAME=$LAB${INSTANCE:+@$INSTANCE}
  [[ -z $STATE ]] || NAME=${STATE##*/}
  case ${1:-setup} in
    setup) setup ;;
    session | anew) session "$1" ;;
    clean) clean "${@:2}" ;;
    status) status ;;
    exec) enter "$2" _exec "${@:3}" ;;
    logs) logs "${@:2}" ;;
    missing) subject_choose || { missing; exit 3; } && missing ;;
    _init) sandbox_init "$2" "$3" ;;
    _exec) execute "${@:2}" ;;
    *) fail "unknown verb $1" 2 ;;
  esac
}

# missing: what this machine lacks, each as an event. Nothing has been touched yet.
missing() {
  local command package feature try what which status=0
  while read -r what which; do
    [[ ,$ALLOW, == *",$what,"* ]] || { emit missing kind=allow "name=$what" "why=$which"; status=3; }
  done < <(lab_wants)
  while read -r what; do
    [[ $EUID$AGENT == 0?* ]] || { emit missing kind=device "name=$what" 'why=only labrun as root does that, and no script alone'; status=3; }
  done < <(lab_devices)
  while read -r command package; do
    command -v "$command" >/dev/null || { emit missing kind=command "name=$command" "package=$package"; status=3; }
  done < <(lab_needs "$HOW")
  # What is to be tried by a program that is not there cannot be told.
  command -v ip >/dev/null && command -v unshare >/dev/null || return "$status"
  user_flags || { emit refused what=userns; return 5; }
  while read -r feature try; do
    [[ $feature != @(netem|tbf) ]] || command -v tc >/dev/null || continue
    [[ $feature != @(nftables|nat) ]] || command -v nft >/dev/null || continue
    kernel_has "$try" || { emit missing kind=kernel "name=$feature" "why=${REPLY##*$'\n'}"; status=3; }
  done < <(lab_kernel)
  return "$status"
}

# claim setup|session: make $STATE this process's. $FRESH says whether it is new or a lab that is up.
# One lock on $ROOT covers the decision, never the work.
claim() {
  local lock slot=1 base=$NAME
  until safe_root; do :; done
  while :; do
    STATE=$ROOT/$NAME FRESH=1
    [[ -d $STATE ]] || break
    if alive "$STATE/owner"; then
      # Somebody is setting it up or testing in it.
      [[ $1 != setup && -z $INSTANCE ]] || fail "$NAME is in use by another labrun (pid $(cut -d' ' -f1 "$STATE/owner"))"
      slot=$((slot + 1)) NAME=$base@$slot && continue
    fi
    [[ -e $STATE/kept && -e $STATE/ready ]] && alive "$STATE/supervisor" && { FRESH=0 && break; }
    sandbox_remove "$STATE" || exit 4
  done
  if ((FRESH)); then own; else sign; fi || exit 4
  exec {lock}<&-
}

# prepare setup|session: a ready lab in $STATE, made anew if what runs there was made from something
# else. The caller leaves it as it finds it, or not, by what lies in $STATE then.
prepare() {
  local identity
  claim "$1"
  subject_choose || return 3
  identity && identity=$REPLY
  if ((!FRESH)); then
    if [[ $1 != anew && ! -s $STATE/dirty ]] && noted "$STATE/identity" && [[ $REPLY == "$identity" ]]; then
      save_script || return 4
      emit reused "instance=$NAME"
      subject_say
      return 0
    fi
    emit outdated "instance=$NAME"
  fi
  missing || return
  ((FRESH)) || own_anew || return 4
  try "cannot write to $STATE" write "$STATE/identity" "$identity" && subject_install || return 4
  subject_say
  BEGUN=1
  emit setup "instance=$NAME" "state=$STATE"
  save_script && sandbox_start || return 4
}

# own: make the state folder with what is in it, and note whose it is for now.
own() {
  # What is outside stays where somebody has removed the state folder by hand.
  try "cannot make $STATE" mkdir -p "$STATE" "$STATE"/{bin,service,log,tmp,client} "$ROOT/.outside-$NAME" && sign
}

# sign: note in $STATE that it is this process's for now.
sign() {
  start_time "$BASHPID"
  try "cannot write to $STATE" write "$STATE/owner" "$BASHPID $REPLY"
}

# own_anew: remove the lab that is up, and own a new one that stays as it did. Under the lock, because
# in between another labrun may find $ROOT empty and remove it.
own_anew() {
  local lock status=0
  root_lock || return
  { sandbox_remove "$STATE" && own && : >"$STATE/kept"; } || status=$?
  exec {lock}<&-
  return "$status"
}

# leave STATUS: the end of every use. A kept lab stays if its set-up came to an end, anything else goes.
leave() {
  if [[ -s $STATE/keep ]] || { ((KEEP)) && [[ -e $STATE/failed ]]; }; then : >"$STATE/kept" && emit kept "instance=$NAME"; fi
  if [[ -e $STATE/kept && (-e $STATE/ready || -e $STATE/failed) ]] && alive "$STATE/supervisor"; then
    # Nobody's, without a process that removes the file.
    : >"$STATE/keep"
    : >"$STATE/owner"
  else
    sandbox_remove "$STATE" && [[ -n $BEGUN ]] && emit cleaned "instance=$NAME"
    root_remove
  fi
  emit end
  exit "$1"
}

setup() {
  local status=0
  prepare setup || status=$?
  # If the input has ended by now, whoever asked for the lab has gone or no longer wants it.
  if ((!status && TIED)) && read -rt 0; then status=4; fi
  if ((!status)); then
    : >"$STATE/kept"
    # For a person who runs the script by hand.
    ((TIED)) || printf 'labrun: %s is up\n  enter it: bash %s/lab.sh exec %s NODE [COMMAND...]\n  end it:   bash %s/lab.sh clean\n' \
      "$NAME" "$STATE" "$NAME" "$STATE" >&2
  fi
  leave "$status"
}

# session session|anew: requests on standard input are answered by the agent. When it ends, for whatever reason, the
# lab is left as it was found.
session() {
  local status=0
  prepare "$1" || status=$?
  ((status)) || agent up || { status=$? && emit error "message=the agent ended with exit status $status"; }
  leave "$status"
}

# agent up|failed: labrun's own program, which enters the sandbox, with this shell's input and output.
agent() {
  local pid
  read -r pid _ <"$STATE/supervisor"
  (close_others && exec env -i -- "${OWN[@]}" setsid --wait "${BOUNDED[@]}" "$AGENT" _agent "$pid" "$STATE" "$1")
}

# clean [--force] [NAME...]: end these instances, or what is meant without a name, and see that nothing of
# them is left, nor of a clean that was cut short. Under the lock, because another labrun may be about to work in one.
clean() {
  local name state found lock force=0 status=0 names
  [[ ${1-} != --force ]] || { force=1 && shift; }
  names=("$@")
  own_root || { (($# == 0)) || emit absent "instance=$*"; return 0; }
  exec {lock}<&-
  if (($# == 0)) && [[ -n $LAB ]]; then
    # The script of a lab that is up lies in its state.
    state=$(realpath -- "${BASH_SOURCE[0]}")
    [[ -n $INSTANCE || ${state%/*/lab.sh} != "$ROOT" ]] || { state=${state%/*} && NAME=${state##*/}; }
    names=("$NAME")
  elif (($# == 0)); then
    names=("$ROOT"/* "$ROOT"/.gone-*)
  fi
  for name in "${names[@]##*/}"; do
    root_lock || break
    if (($# + force == 0)) && alive "$ROOT/$name/owner"; then
      emit owned "instance=$name" "pid=$(cut -d' ' -f1 "$ROOT/$name/owner")"
    else
      found=absent
      for state in "$ROOT/$name" "$ROOT/.gone-$name-"[0-9]*-[0-9]*; do
        [[ ! -d $state ]] || { sandbox_remove "$state" && found=cleaned; } || status=4 found=
      done
      [[ -z $found || $found$name == 'absent*' || $found$name == 'absent.gone-'* ]] || emit "$found" "instance=$name"
    fi
    exec {lock}<&-
  done
  root_remove
  return "$status"
}

# status: every instance, the services of those that run, and the processes in it, as the kernel tells of them.
status() {
  local state name condition log how path pid fields logs restarts
  for state in "$ROOT"/* "$ROOT"/.gone-*; do
    [[ -d $state ]] || continue
    noted "$state/supervisor"
    name=${state##*/} condition=starting how='' path='' pid=${REPLY%% *}
    if ! alive "$state/supervisor"; then
      alive "$state/owner" || condition=dead
    elif [[ -e $state/failed ]]; then condition=failed; elif [[ -e $state/ready ]]; then
      condition=ready
      ! alive "$state/owner" || condition=testing
    fi
    ! noted "$state/subject" || { read -r how && IFS= read -r path; } <<<"$REPLY"
    emit instance "instance=$name" "condition=$condition" "state=$state" "how=$how" "path=$path" "pid=$pid"
    [[ $condition == dead ]] || emit processes "stats=$(timeout 5 cat "/proc/$pid/root/proc"/[0-9]*/stat 2>/dev/null | head -c 8M)" "uptime=$(</proc/uptime)" page:="$(getconf PAGESIZE)"
    logs=("$state"/log/*.log)
    for log in "${logs[@]:0:10000}"; do
      log=${log%.log} name=${log##*/} fields=(state=running) restarts=()
      ! noted "$log.exit" || [[ $REPLY != +([0-9]) ]] || fields=(state=exited status:="$REPLY")
      ! noted "$log.restarts" || [[ -z $REPLY ]] || mapfile -t restarts <<<"$REPLY"
      noted "$log.pid"
      [[ $name == '*' ]] || emit service "name=$name" "${fields[@]}" "log=$log.log" "pid=$REPLY" "restarts=${#restarts[@]}"
    done
  done
}

# logs NAME [-f] [SERVICE...]: their lines as `log` events.
logs() {
  local state=$ROOT/$1 follow=0 log service pid=1
  shift
  [[ -d $state/log ]] || fail "there is no instance ${state##*/}" 2
  [[ ${1-} != -f ]] || { follow=1 && shift; }
  (($#)) || for log in "$state"/log/*.log; do [[ $log == *[[:cntrl:]*\"\\\&]* ]] || { log=${log##*/} && set -- "$@" "${log%.log}"; }; done
  for service; do [[ -f $state/log/$service.log && ! -L $state/log/$service.log ]] || fail "$(basename "$state") has no service $service" 2; done
  { read -r pid _ <"$state/supervisor"; } 2>/dev/null
  for service; do if ((follow)); then log_events "$state" "$service" -F --pid="$pid" & else log_events "$state" "$service"; fi; done
  ((follow)) || return 0
  ((TIED)) || { wait && return; }
  # The end of the input is the end of the following, as that of the lab is. The group is this script's own.
  while alive "$state/supervisor" && { read -rt 1 _ || (($? > 128)); }; do :; done
  trap 'exit 0' TERM
  kill -TERM 0
}
