# The sandbox: one mount + PID + network (+ user, when not root) namespace a lab instance.
#
# Its PID 1 is this script again (`_init`). Whoever kills PID 1 ends every process of the lab, and
# with the last process the kernel takes the network namespaces, links and mounts. Nothing on the
# host has to be undone, except for the state folder, $ROOT/INSTANCE:
#
#   lab.sh       this script
#   supervisor   "PID START" of PID 1 as the host sees it;  supervisor.log: what it says when it cannot start
#   owner        "PID START" of the process that sets the lab up or tests it
#   kept         set up to stay, by `setup` or --keep
#   identity     what it was made from;  subject, stand-in: what it tests
#   ready        set-up has come to an end;  failed: or could not
#   dirty        is empty, unless a test is at work in the lab, or has left it other than it was set up
#   keep         is empty, unless the lab is to stay up after this session
#   control      a pipe on which PID 1 is told the names of services to start again; open as long as PID 1 is
#   connected    whether all of the links that lead out work
#   bin/         the program under test
#
# All that only labrun writes, from outside: in the sandbox it can be read. What is written there itself, and read outside as
# what anybody may have written:
#
#   client/      what clients have asked for
#   service/N/   working folder of service N, with its files
#   log/N.log    its output;  log/N.pid, log/N.exit: its process (in the sandbox) and exit status;
#                log/N.from: where in its output its last start is;  log/N.cut: what of it is left out;
#                log/N.restarts: when (ms since boot) it failed and was to be started again, and with which exit status
#   tmp/         $TMPDIR of everything that runs in the lab
#   private/     only in there: what hides the machine's folders, and what else ends with the sandbox
#
# and for what is acted on outside, $ROOT/.outside-INSTANCE, which the lab does not see. It is there only as long as the
# state folder is:
#
#   uplink-N     "PID START" of what a link that leads out has outside;  uplink-N.works: once it does;  uplink-N.said: its
#                output
#   device-N     the same for an interface of the machine;  device-N.saved: what it was
#   held-PID     "PID START" of what has kept the sandbox from ending

# What no program of a lab needs, but could do the machine harm with: modules, raw memory and disks, the clock,
# security modules, opening files by handles. In a user namespace these reach nothing of the machine anyway.
NEVER=-audit_control,-audit_read,-block_suspend,-dac_read_search,-linux_immutable,-mac_admin,-mac_override,-mknod
NEVER+=,-sys_boot,-sys_module,-sys_pacct,-sys_rawio,-sys_time,-syslog,-wake_alarm

# state_root: the folder of all instances in $ROOT. Not below $XDG_RUNTIME_DIR: a lab must be found
# again from a session that has another one or none, and outlive the login it was set up in. In the array
# $BOUNDED the words before what works in a lab.
state_root() {
  ROOT=/tmp/labrun-$EUID BOUNDED=()
  ((EUID)) || ROOT=/run/labrun BOUNDED=(setpriv --inh-caps=-all --bounding-set="$NEVER")
}

# safe_root: make $ROOT, which nobody else may look into, and lock it. Fails when another labrun, whose last lab
# ended, has removed the empty folder just now.
safe_root() {
  local error
  [[ -d $ROOT ]] || error=$(exec mkdir -m 700 "$ROOT" 2>&1) || [[ $error == *'File exists' ]] || fail "$error"
  root_lock
}

# own_root: open $ROOT by the descriptor $lock, and see that it is this user's: it may lie in /tmp, where anybody
# can prepare one. What was opened is looked at, too, not only what bears the name. Fails if there is none.
own_root() {
  local own="directory $EUID"
  ((${1-0} < 100)) || fail "$ROOT cannot be looked at"
  lock=none
  # A pipe of that name would keep us.
  [[ ! -d $ROOT ]] || { exec {lock}<"$ROOT"; } 2>/dev/null || :
  # Each is looked at once: between two looks another labrun may remove it and make it again.
  REPLY=$(exec stat -c '%F %u %a' -- "$ROOT" "/proc/self/fd/$lock/." 2>/dev/null)
  [[ $REPLY != "$own 700"$'\n'"$own 700" ]] || return 0
  [[ $lock == none ]] || exec {lock}<&-
  [[ -n $REPLY ]] || return 1
  # It has just come or gone, or others may look into it. It may also go and come while that is changed, so whether it could be
  # shows when it is looked at again.
  if [[ $REPLY == "$own "+([0-7])?($'\n'"$own "+([0-7])) ]]; then chmod 700 -- "$ROOT" 2>/dev/null
  elif [[ -e $ROOT ]]; then fail "$ROOT is not a folder of this user's; remove it"; fi
  own_root $((${1-0} + 1))
}

# root_lock: lock $ROOT, by the descriptor $lock. Fails when it has been removed in the meantime.
root_lock() {
  own_root || return
  # It is held for as long as a lab takes to end, at most.
  flock --timeout 30 "$lock" || fail "another labrun keeps $ROOT locked; is one stopped (\`ps -o pid,stat,args\` says T)?"
  [[ $ROOT -ef /proc/self/fd/$lock ]] || { exec {lock}<&- && return 1; }
}

# root_remove: remove $ROOT if it is empty; under the lock, or another labrun that has just decided to
# put its lab there would lose it.
root_remove() {
  local lock
  root_lock || return 0
  rmdir "$ROOT" 2>/dev/null || :
  exec {lock}<&-
}

# user_flags: how this user may unshare, in the array $FLAGS; fails where the kernel refuses.
user_flags() {
  FLAGS=()
  ((EUID != 0)) || return 0
  # With a range of mapped ids, daemons can drop privileges as they do on a real host.
  FLAGS=(--user --map-root-user --map-auto)
  command -v newuidmap >/dev/null && grep -qs "^$(id -un):" /etc/subuid && probe_user_namespace && return
  FLAGS=(--user --map-root-user)
  probe_user_namespace
}

# AppArmor may grant the namespace but no capability in it, so the probe uses one.
probe_user_namespace() { unshare "${FLAGS[@]}" --mount --net ip link set lo up 2>/dev/null; }

# save_script: this program as it came, where a lab that is up finds it.
save_script() {
  local file=$STATE/lab.sh
  [[ -v LAB_PROGRAM ]] || LAB_PROGRAM=${BASH_EXECUTION_STRING-$(<"${BASH_SOURCE[0]}")}
  # Where there is no newline, bash takes tens of milliseconds to look for one at each place but the last.
  [[ $LAB_PROGRAM != *$'\n' ]] || LAB_PROGRAM=${LAB_PROGRAM%$'\n'}
  [[ -e $file ]] || { try "cannot write to $STATE" write "$file" "$LAB_PROGRAM"; return; }
  [[ $(<"$file") != "$LAB_PROGRAM" ]] || return 0
  # Somebody may be reading the old one.
  try "cannot write to $STATE" write "$file.new" "$LAB_PROGRAM" && mv "$file.new" "$file"
}

# close_others: close all descriptors but the first three, also those that whoever started this script had open: what
# runs in a lab could use them.
close_others() {
  local file
  for file in /proc/self/fd/*; do file=${file##*/}; ((file < 3)) || exec {file}>&-; done
}

# sandbox_start: run `_init` as PID 1 of a new sandbox and hand its events on until it is ready or
# dead. Returns 0 when the lab is ready.
sandbox_start() {
  local line='' part events ready=0 failed=
  exec {events}< <(
    close_others
    exec env -i -- "${OWN[@]}" setsid unshare "${FLAGS[@]}" --mount --pid --net --ipc --uts --cgroup --fork --kill-child "${BOUNDED[@]}" \
      bash "$STATE/lab.sh" --state "$STATE" --cwd "$LABRUN_CWD" --agent "$AGENT" _init "$KEEP" "$GATHER" </dev/null 2>"$STATE/supervisor.log"
  )
  while :; do
    if IFS= read -r -t 0.1 -u "$events" part; then
      line+=$part
      # The end of the pipe would not do: unshare(1), waiting for PID 1, holds it open.
      [[ $line != '{"event":"failed"'* ]] || { failed=$line && : >"$STATE/failed"; break; }
      # Once: a lab's programs may have found the pipe by then.
      [[ $line != '{"event":"connect"'* ]] || { [[ -e $STATE/connected ]] || sandbox_connect; line= && continue; }
      [[ $line != '{"event":"ready"'* ]] || { ready=1 && : >"$STATE/ready"; }
      { printf '%s\n' "$line" >&"$EVENTS"; } 2>/dev/null
      ((!ready)) || break
      line=
    else
      (($? > 128)) || break
      line+=$part
      # No request comes before the lab is ready: what can be read is the end of the input.
      ((!TIED)) || ! read -rt 0 || break
    fi
  done
  exec {events}<&-
  ((ready)) && return 0
  [[ -z $failed ]] || {
    # What it looked like at that moment, before it is gone.
    [[ $GATHER$AGENT != 1?* ]] || { emit failing && agent failed; }
    { printf '%s\n' "$failed" >&"$EVENTS"; } 2>/dev/null
  }
  [[ ! -s $STATE/supervisor.log || -e $STATE/failed ]] || emit error "message=the supervisor ended: $(tail -c 2000 "$STATE/supervisor.log" | tail -n 5)"
  return 1
}

# sandbox_connect: see to the lab's links that lead out, from this machine, by programs that end with PID 1. slirp4netns is
# the other end of one of `uplink`: when it has ended, nobody has the other end of its input open any more. labrun moves
# one of `device` in, and back.
sandbox_connect() {
  local pid flags=() there='' hold i said=yes outside kind place link what file run
  read -r pid _ <"$STATE/supervisor"
  ((EUID == 0)) || flags=(--user --preserve-credentials)
  lab_outside
  # Were PID 1 gone by now, nobody would be there to open it for.
  exec {hold}<>"$STATE/control"
  for ((i = 0; i < ${#outside[@]}; i += 4)); do
    read -r kind place link what <<<"${outside[*]:i:4}"
    file=$ROOT/.outside-$NAME/$kind-$i
    if [[ $place == global ]]; then place=/proc/$pid/ns/net; else place=/proc/$pid/root/run/netns/$place; fi
    run=("$AGENT" _device keep "$file.saved" "$pid" "$place" "$link" "$what")
    [[ $kind == device ]] || {
      # It wants a process to find the way by: for ordinary users, a path does not do.
      (close_others && exec nsenter --target "$pid" "${flags[@]}" --net="$place" sleep 20) </dev/null >/dev/null 2>&1 &
      there=$! run=(echo 'no way into its namespace') && disown
      # Else that would still be in the machine's.
      ! wait_for 5000 test "$place" -ef "/proc/$there/ns/net" ||
        run=(slirp4netns --disable-host-loopback --enable-sandbox --enable-seccomp --exit-fd=0 --ready-fd=3 --mtu="$what" "$there" "$link")
    }
    (close_others && exec setsid "${run[@]}" 3>"$file.works") <"$STATE/control" >"$file.said" 2>&1 &
    start_time $! && write "$file" "$! $REPLY"
    { wait_for 5000 sandbox_settled "$file" && [[ -s $file.works ]]; } ||
      { what=$(grep -v '^\*' "$file.said" | tail -n 1) said=no && emit error "message=cannot connect $link: ${what#labrun: }"; }
    [[ $kind == device ]] || kill "$there"
  done
  exec {hold}>&-
  write "$STATE/connected" "$said"
}

# sandbox_settled FILE: the program of FILE works, or has ended.
sandbox_settled() { [[ -s $1.works ]] || ! alive "$1"; }

# sandbox_connected: PID 1 has that done, and holds the input of those programs open.
sandbox_connected() {
  local outside
  lab_outside
  ((${#outside[@]})) || return 0
  # shellcheck disable=SC2034 # it is open, that is all
  exec {CONTROL}<>"$STATE/control"
  emit connect
  wait_for $((${#outside[@]} * 5000)) test -s "$STATE/connected" || emit error "message=nobody has connected the links that lead out"
  grep -qsx yes "$STATE/connected"
}

# sandbox_init: PID 1 from its first instruction to the lab being ready.
sandbox_init() {
  local stat line='' part control keep=$1 gather=$2
  # /proc is still the host's here, so this is the host's idea of our PID. The folder is gone if
  # somebody cleaned up in the meantime: then this sandbox must not exist.
  { read -r stat </proc/self/stat; } || exit 1
  start_time self
  printf '%s %s\n' "${stat%% *}" "$REPLY" 2>/dev/null >"$STATE/supervisor" || exit 1
  emit supervisor pid:="${stat%% *}"
  trap '' INT HUP PIPE
  if lab_up; then
    : >"$STATE/private/ready"
    emit ready "instance=$NAME"
  else
    emit failed "instance=$NAME"
    # Its state is looked at before it goes, unless who wanted to has gone.
    ((keep)) || { ((!gather)) || pause 60; exit 4; }
  fi
  # From here on PID 1 reaps and restarts. Nobody may wait for its end of the event pipe.
  exec {EVENTS}>&- >/dev/null
  EVENTS=1
  exec {control}<>"$STATE/control"
  while :; do
    # A line comes in parts, if its writer likes.
    ! IFS= read -r -t 0.1 -u "$control" part || { service_start "$line$part"; part='' line=''; }
    line+=$part
    logs_bound
  done
}

# sandbox_mounts: what makes /proc, /sys and all that labs write to private, as a section of `apply`, in $REPLY; the
# rest is the host's, and can only be read. Folders of the host that are to be seen in private ones are mounted there
# before.
sandbox_mounts() {
  local dir late='' private=$STATE/private mounts
  # The fifth word of each line, see proc_pid_mountinfo(5).
  mapfile -t mounts </proc/self/mountinfo
  mounts=("${mounts[@]#* * * * }") mounts=("${mounts[@]%% *}")
  # Without -p: if somebody has cleaned up, the folder must not come into being again.
  # Debian and Ubuntu mount /run noexec, but the program under test lies in $STATE.
  REPLY="[mounts of global]
mkfifo $STATE/control
mkdir $private
mount --rbind $STATE $STATE
? mount -o remount,bind,exec $STATE
mount -t proc proc /proc
? mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs $private
mkdir -p $private/run $private/tmp $private/var/tmp $private/dev/net $private/dev/pts $private/dev/shm
ln -s $STATE/service $private/run/service
mount -t tmpfs -o mode=1777 tmpfs $private/tmp
mount -t tmpfs -o mode=1777 tmpfs $private/var/tmp
"
  # What else is in the state folder labrun goes by.
  for dir in client log service tmp; do REPLY+="mount --rbind $STATE/$dir $STATE/$dir"$'\n'; done
  REPLY+="mount -o remount,bind,ro $STATE"$'\n'
  # Before all can only be read.
  for dir in "${WRITE[@]}"; do REPLY+="mkdir -p $private/write$dir $private$dir"$'\n'"mount --rbind $dir $private/write$dir"$'\n'; done
  # What is covered by private ones is seen by what PID 1 has open, and where it is.
  for dir in "${mounts[@]}"; do [[ $dir/ == @(/dev|/proc|/sys|/run|/tmp|/var/tmp)/* && $STATE/ != "$dir"/* && $PWD/ != "$dir"/* ]] || REPLY+="? mount -o remount,bind,ro $dir"$'\n'; done
  sandbox_devices
  ((EUID)) || sandbox_kernel
  sandbox_folder
  for dir in /etc /home /opt /root /srv /var/{cache,lib,log,spool}; do [[ ! -d $dir ]] || sandbox_over "$dir"; done
  REPLY+=$late
  # What is not there may be of a service of systemd's, which makes it when it starts.
  for dir in dhcp dhcpcd misc kea NetworkManager; do REPLY+="? mkdir $private/var/lib/upper/$dir"$'\n'; done
  for dir in /var/lib/{dhcp,dhcpcd,misc,kea,NetworkManager} /var/db/dhcpcd; do [[ ! -d $dir ]] || REPLY+="mount -t tmpfs -o mode=755 tmpfs $dir"$'\n'; done
  # Host sockets below /run (systemd, D-Bus, resolved) must be out of reach of the lab's daemons.
  # The last is /run, where mount(8) makes notes.
  REPLY+="mkdir -p $private$STATE
mount --rbind $STATE $private$STATE
mount --rbind $private/dev /dev
? mount -o remount,bind,ro /dev
mount --rbind $private/tmp /tmp
mount --rbind $private/var/tmp /var/tmp
mount --rbind $private/run /run
mkdir -p /run/netns /run/lock
? hostname $LAB
"
  for dir in "${WRITE[@]}"; do REPLY+="mount --rbind $private/write$dir $dir"$'\n'; done
}

# sandbox_devices: a /dev of what labs may use, so none of the machine's disks, memory and terminals.
sandbox_devices() {
  local dev=$private/dev links
  printf -v links "ln -s %s $dev/%s\n" /proc/self/fd fd fd/0 stdin fd/1 stdout fd/2 stderr pts/ptmx ptmx
  REPLY+=$links"? mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts $dev/pts
mount -t tmpfs -o mode=1777 tmpfs $dev/shm
"
  for dir in null zero full random urandom tty kvm ppp vhost-net net/tun; do [[ ! -c /dev/$dir ]] || REPLY+="touch $dev/$dir"$'\n'"mount --rbind /dev/$dir $dev/$dir"$'\n'"? mount -o remount,bind,ro $dev/$dir"$'\n'; done
}

# sandbox_kernel: root's labs keep off the settings of the whole machine, and its memory.
sandbox_kernel() {
  REPLY+=$'? mount --rbind /proc/sys/net /proc/sys/net\n'
  for dir in sys bus fs irq; do
    REPLY+="? mount --rbind /proc/$dir /proc/$dir"$'\n'"? mount -o remount,bind,ro /proc/$dir"$'\n'
  done
  for dir in kcore keys kmsg mtrr sysrq-trigger timer_list; do [[ ! -e /proc/$dir ]] || REPLY+="? mount --rbind /dev/null /proc/$dir"$'\n'; done
}

# sandbox_over FOLDER [LOWER TARGET NAME]: TARGET is as LOWER, which is the host's FOLDER, but what is written there is
# kept in $STATE/privateNAME.
sandbox_over() {
  local below='' lower=${2:-$1} target=${3:-$1} upper=$private${4:-$1}
  # In /etc these are files, which services replace.
  [[ $1 == /etc || " ${mounts[*]}" != *" $1/"* ]] || below=1
  [[ -z $below || -n ${2-} ]] || { lower=$upper/lower && REPLY+="mkdir -p $lower"$'\n'"mount --rbind $1 $lower"$'\n'; }
  REPLY+="mkdir -p $upper/upper $upper/work
? mount -t overlay -o lowerdir=$lower,upperdir=$upper/upper,workdir=$upper/work overlay $target
"
  # A layer hides what is mounted below the folder.
  [[ -z $below ]] || for below in "${mounts[@]}"; do
    [[ $below != "$1"/* ]] || REPLY+="? mount --rbind $lower${below#"$1"} $target${below#"$1"}"$'\n'
  done
}

# sandbox_folder: the same of the folder that steps run in, the user's repository: what they write there, as root
# maybe, is none of its. The folder itself is seen in $STATE/private/folder/lower, and cannot be written to. What is to
# come after the folders that it may be in goes to $late.
sandbox_folder() {
  local folder=${LABRUN_CWD%/}/ lower=$private/folder/lower early=$REPLY target
  # It would hide what is private.
  [[ $folder != @(/|/run/|/tmp/|/var/|/var/tmp/|@(/etc|/proc|/sys|/dev|/var/log|/var/lib)/*|*[[:cntrl:]]*) ]] || return 0
  # Words without blanks.
  folder=${LABRUN_CWD//\\/\\134} folder=${folder// /\\040} target=$folder REPLY=
  [[ $folder != @(/run|/tmp|/var/tmp)/* ]] || { target=$private$folder && REPLY="mkdir -p $target"$'\n'; }
  # Below the layer, so that whatever becomes of that, nothing is written to the folder itself.
  REPLY+="mount --rbind $lower $target"$'\n'
  sandbox_over "$folder" "$lower" "$target" /folder/0
  late=$REPLY REPLY="${early}mkdir -p $lower
mount --rbind $folder $lower
? mount -o remount,bind,ro $lower
"
}

# sandbox_again: see to what the kernel did not grant.
sandbox_again() {
  local private=$STATE/private
  # Entering a node by ip-netns(8) mounts /sys, too.
  [[ $REFUSED != *' sysfs /sys'* ]] || : >"$private/plain-nsenter"
  # Where overlayfs refuses (an overlay below, an old kernel) a copy does the same, slower.
  [[ $REFUSED != *' overlay /etc'* ]] ||
    { cp -a /etc/. "$private/etc/upper/" 2>/dev/null; mount --bind "$private/etc/upper" /etc; }
  [[ $REFUSED != *' overlay /var/log'* ]] || mount --bind "$private/var/log/upper" /var/log
}

# enter INSTANCE ARGUMENT...: run the instance's own script inside its sandbox, in this shell's place. All that is begun in
# there is one of the lab's processes, and could signal no other. A signal is for what runs there: nsenter(1), which waits for
# it, would die of it and leave the command the terminal.
enter() {
  local state=$ROOT/$1 pid flags=()
  { alive "$state/supervisor" && read -r pid _ <"$state/supervisor"; } || fail "$(basename "$state") is not running" 4
  ((EUID == 0)) || flags=(--user --preserve-credentials)
  # What it was set up with, but on this terminal; for what runs inside only, as programs of the lab can change it.
  mapfile -d '' -t OWN <"/proc/$pid/environ"
  close_others
  trap '' INT QUIT TERM HUP
  # shellcheck disable=SC2016 # expanded by the shell that reads it
  exec env -i -- "PATH=$PATH" "${BOUNDED[@]}" nsenter --target "$pid" "${flags[@]}" --mount --net --pid --ipc --uts --cgroup -- \
    env --default-signal=INT,QUIT,TERM,HUP -i -- "${OWN[@]}" "TERM=${TERM-}" bash -c 'trap : INT QUIT TERM HUP; exec {ERR}>&2 2>/dev/null; "$@" 2>&"$ERR" {ERR}>&-; exit' \
    labrun bash "$state/lab.sh" --state "$state" --cwd "$PWD" "${@:2}"
}

# sandbox_kill STATE: end the sandbox whose state folder this is, and wait until the kernel agrees. What is not gone then
# is noted beside it for the next time, when its first process is.
sandbox_kill() {
  local pid file held='' pid_ns='' mnt_ns='' outside=$ROOT/.outside-${1##*/}
  # A supervisor that has just started may have opened its file without having written it yet.
  wait_for 1000 sandbox_noted "$1"
  # Before the lab takes it along: what would give it back has been killed. Looked at in this order, as one that is done
  # removes what it has saved, and ends.
  ((EUID)) || for file in "$outside"/device-*.saved; do alive "${file%.*}" || [[ ! -e $file ]] || sandbox_back "$file" || return; done
  for file in "$1"/supervisor "$outside"/uplink-*[0-9]; do
    { alive "$file" && read -r pid _ <"$file"; } || continue
    # As long as they are open, no new one is called the same, whose processes would be taken for this lab's.
    [[ $file == */uplink-* ]] || { { exec {pid_ns}<"/proc/$pid/ns/pid" {mnt_ns}<"/proc/$pid/ns/mnt"; } 2>/dev/null && held=$(readlink "/proc/self/fd/$pid_ns" "/proc/self/fd/$mnt_ns"); }
    kill -KILL "$pid" 2>/dev/null
  done
  wait_for 10000 sandbox_ended "$1" "$held" || sandbox_holds "processes of $1 still run after SIGKILL" "$1" "$held" || return
  [[ -z $mnt_ns ]] || exec {pid_ns}<&- {mnt_ns}<&-
  for file in "$outside"/device-*.said; do [[ ! -s $file ]] || emit error "message=$(<"$file")"; [[ ! -e ${file%.said}.saved ]] || return; done
}

sandbox_noted() { [[ ! -e $1/supervisor || -s $1/supervisor ]]; }

# sandbox_back SAVED: give an interface back, by the program of who cleans up. One that has gone can be waited for no
# longer.
sandbox_back() { REPLY=$("${AGENT:-labrun}" _device back "$1" 2>&1 >"${1%.*}.said") || { emit error "message=$REPLY" && [[ ! -e $1 ]]; }; }

# sandbox_ended STATE NAMESPACES: none of its processes runs any more, nor is anybody else in these.
sandbox_ended() {
  local file
  for file in "$1"/supervisor "$ROOT/.outside-${1##*/}"/{uplink,device,held}-*[0-9]; do ! alive "$file" || return; done
  [[ -z $2 ]] || ! readlink /proc/[0-9]*/ns/{pid,mnt} 2>/dev/null | grep -qFx -- "$2"
}

# sandbox_holds WHAT STATE [NAMESPACES]: WHAT went wrong, and why, as the program of who cleans up can tell. Fails.
# shellcheck disable=SC2086 # these are words
sandbox_holds() { REPLY=$("${AGENT:-labrun}" _held "$2" "$ROOT/.outside-${2##*/}" ${3-} 2>/dev/null) || REPLY=; emit error "message=$1${REPLY:+: $REPLY}"; return 1; }

# sandbox_remove STATE: end the sandbox and remove its state folder.
sandbox_remove() {
  local gone=$ROOT/.gone-${1##*/}-$$-${EPOCHREALTIME/./}
  [[ -d $1 ]] || return 0
  # Killed first: what still runs could make its folder anew after the rename. A supervisor
  # that has not written its identity yet fails to after the rename, and ends.
  { sandbox_kill "$1" && { rm -rf -- "$ROOT/.outside-${1##*/}" 2>/dev/null || sandbox_holds "cannot remove $1" "$1"; }; } || return
  # If it is gone, somebody else has removed it just now.
  if [[ ${1##*/} == .gone-* ]]; then gone=$1; else mv -T "$1" "$gone" 2>/dev/null || { [[ ! -d $1 ]] || sandbox_holds "cannot remove $1" "$1"; return; }; fi
  sandbox_kill "$gone" || return
  # Daemons that dropped privileges leave files of mapped ids, which only the namespace may remove.
  rm -rf -- "$gone" 2>/dev/null || { user_flags && unshare "${FLAGS[@]}" rm -rf -- "$gone"; } || sandbox_holds "cannot remove $gone" "$gone"
}
