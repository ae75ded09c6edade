# PID 1 of the sandbox of `labrun import`: runs the command that is its arguments, no longer than the first of
# them says in seconds, and prints what came to be, a
# record a line: KIND NAMESPACE DATA, with tabs between. What it makes ends with it.
set -u
exec 3>&1 >&2
TIMEOUT=$1
shift
shopt -s extglob
mount --make-rprivate / && mount -t proc proc /proc || exit 3
layers=/run/.labrun-import
mount -t tmpfs tmpfs /run && mkdir -p /run/netns "$layers" || exit 3
# read_only FOLDER: also what is mounted below it, because a user namespace may not look beneath that. Each with the
# options that it has: it may not take them away, either.
read_only() {
  local mounts mount point options
  mount --rbind "$1" "$1" || return
  mapfile -t mounts </proc/self/mountinfo
  for mount in "${mounts[@]}"; do
    read -r _ _ _ _ point options _ <<<"$mount"
    printf -v point %b "$point" # a space is \040 there
    [[ $point != "$1" && $point != "$1"/* ]] || mount -o "remount,bind,${options/#rw/ro}" "$point" || return
  done
}
# What it writes is in layers above what is there, and so can be told apart.
here=$PWD top=${PWD#/}
for folder in /etc /tmp /var /root /home /srv /opt "/${top%%/*}"; do
  [[ -d $folder && $folder != / && ! -e $layers$folder ]] || continue
  mkdir -p "$layers$folder/"{upper,work}
  mount -t overlay -o "lowerdir=$folder,upperdir=$layers$folder/upper,workdir=$layers$folder/work" overlay "$folder" 2>/dev/null ||
    read_only "$folder" || exit 3
done
# The rest of the machine can only be read, where the kernel allows to say so.
mount -o remount,bind,ro / 2>/dev/null || :
cd "$here" || exit 3
ip link set lo up || exit 3

record() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >&3; }
encoded() { base64 -w 0; }
# daemons: what the command has left behind, in $DAEMONS: its own end has made them ours. Forks nothing, which would
# be ours, too. A shell that only waits for the daemon that it has started is not the daemon; one that
# sleeps between what it does is.
daemons() {
  local stat pid children name
  DAEMONS=()
  for stat in /proc/[0-9]*/stat; do
    { read -r stat <"$stat"; } 2>/dev/null || continue
    pid=${stat%% *}
    [[ $pid != 1 && ${stat##*) } == [!Z]' 1 '* ]] || continue
    children=
    [[ $stat != *'('@(sh|bash|dash)')'* ]] || read -r children 2>/dev/null <"/proc/$pid/task/$pid/children"
    name=
    { [[ -z $children ]] || read -r name <"/proc/${children% }/comm"; } 2>/dev/null
    [[ $name != sleep ]] || children=
    # shellcheck disable=SC2206 # numbers
    DAEMONS+=(${children:-$pid})
  done
}
sockets() { nsenter --net="/run/netns/$1" ss -Hlntup 2>/dev/null; }
namespaces() { ls /run/netns; }

timeout --foreground "$TIMEOUT" "$@" </dev/null 3>&-
status=$?
record status - "$status"
((status == 0)) || exit 1
[[ ! -e /run/netns/global ]] || { echo 'a namespace is called global, which is what labrun calls its own' >&2; exit 2; }
touch /run/netns/global && mount --bind /proc/1/ns/net /run/netns/global || exit 3

export LC_ALL=C
# Daemons that the command did not wait for get a while to open their sockets.
for ((i = 0; i < 50; i++)); do
  open=$(for name in $(namespaces); do sockets "$name"; done)
  daemons
  waiting=0
  for pid in "${DAEMONS[@]}"; do [[ $open == *"pid=$pid,"* ]] || waiting=1; done
  ((waiting)) || break
  sleep 0.1
done

settings() { (cd /proc/sys && exec grep -rs . net); }
export -f settings
record fresh - "$(unshare --net bash -c settings | encoded)"
for name in $(namespaces); do
  inside() { nsenter --net="/run/netns/$name" "$@"; }
  record ids "$name" "$(inside ip -j netns list-id)"
  record links "$name" "$(inside ip -j -d link)"
  record addresses "$name" "$(inside ip -j address)"
  for family in 4 6; do
    record routes "$name" "$(inside ip -j -$family route show table main)"
    record rules "$name" "$(inside ip -j -$family rule)"
  done
  record settings "$name" "$(inside bash -c settings | encoded)"
  command -v nft >/dev/null && record nft "$name" "$(inside nft list ruleset | encoded)"
  record iptables "$name" "$(inside cat /proc/net/ip{,6}_tables_names 2>/dev/null | encoded)"
  record sockets "$name" "$(sockets "$name" | encoded)"
done
for pid in "${DAEMONS[@]}"; do
  net=$(stat -L -c %i "/proc/$pid/ns/net")
  for name in $(namespaces); do
    [[ $(stat -L -c %i "/run/netns/$name") != "$net" ]] || break
  done
  read -r stat <"/proc/$pid/stat" || continue
  read -r _ _ _ session _ <<<"${stat##*) }"
  record process "$name" "$pid $session $(encoded <"/proc/$pid/cmdline") $(readlink "/proc/$pid/cwd" | encoded) $(encoded <"/proc/$pid/environ")"
done
record folder - "$(printf %s "$here" | encoded)"
record environment - "$(encoded </proc/1/environ)"
while IFS= read -r file; do
  [[ $(head -c 65537 "$file" | wc -c) -le 65536 ]] || continue
  path=${file#"$layers"}
  case $path in */upper/*) path=${path/\/upper\//\/} ;; esac
  record file - "$(printf %s "$path" | encoded) $(encoded <"$file")"
done < <(
  find "$layers" -path '*/upper/*' -type f
  find /run -xdev -path "$layers" -prune -o -path /run/netns -prune -o -type f -print
)
record end - -
