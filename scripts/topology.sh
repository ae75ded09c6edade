# Building the lab's network inside the sandbox, and running commands in its nodes.
#
# Most of it is `ip -batch` text that labrun compiled; the order is: namespaces, then their
# sysctls (duplicate address detection must be off before a link exists), then links created
# with the peer in its own namespace, then addresses and routes.

# prefix NODE: the words that put a command into the network namespace of NODE, in the array $IN.
prefix() {
  if [[ $1 == global ]]; then
    IN=()
  elif [[ -e $STATE/plain-nsenter ]]; then
    IN=(nsenter --net="/run/netns/$1" --)
  else
    IN=(ip netns exec "$1")
  fi
}

# in_node NODE COMMAND...: run COMMAND in the network namespace of NODE.
in_node() {
  local IN
  prefix "$1"
  shift
  "${IN[@]}" "$@"
}

# ip_in NODE ARGUMENT...: iproute2's `ip` in NODE, without the cost of entering a mount namespace.
ip_in() {
  local handle=$1
  shift
  if [[ $handle == global ]]; then ip "$@"; else ip -n "$handle" "$@"; fi
}

# batch WHERE WHAT TEXT: one `ip -batch` run; reports the line that failed.
batch() {
  local errors line
  [[ -n $3 ]] || return 0
  errors=$(ip_in "$1" -batch - <<<"$3" 2>&1 >/dev/null) && return 0
  line=${errors##*Command failed -:}
  line=$(sed -n "${line%%[!0-9]*}p" <<<"$3" 2>/dev/null)
  topology_failed "$2 of $1: ${errors%%$'\n'*} (ip $line)"
}

# topology_failed TEXT: name what the kernel lacks if that is the reason, else say what happened.
topology_failed() {
  local feature
  for feature in veth bridge; do
    kernel_has "$feature" || {
      emit missing kind=kernel "name=$feature"
      return 1
    }
  done
  emit error "message=$1"
  return 1
}

# nodes HANDLE...: create the network namespaces and their lo.
nodes() {
  local handle text=$'link set lo up\n'
  for handle; do
    text+="netns add $handle"$'\n'
  done
  batch global namespaces "$text" || return
  # Where /sys cannot be mounted (some containers), entering goes without it.
  if (($#)) && ! ip netns exec "$1" true 2>/dev/null; then
    : >"$STATE/plain-nsenter"
  fi
}

# sysctls NODE KEY VALUE...: write them all from one process in NODE; ?KEY only if it exists.
sysctls() {
  local node=$1 errors IN=()
  # /proc/sys/net is that of the process itself: no need for the mounts of ip-netns(8), which take
  # twice the time of all the rest.
  [[ $node == global ]] || IN=(nsenter --net="/run/netns/$node" --)
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  errors=$("${IN[@]}" sh -c '
    while [ $# -gt 0 ]; do
      file=/proc/sys/${1#\?}
      if [ "$file" = "/proc/sys/$1" ] || [ -e "$file" ]; then
        { printf %s "$2" >"$file"; } 2>/dev/null || printf "%s\n" "$1 = $2"
      fi
      shift 2
    done' sysctls "$@" 2>&1)
  [[ -z $errors ]] || {
    emit error "message=cannot set sysctl of $node: ${errors//$'\n'/, }"
    return 1
  }
}

# rules NODE TEXT: load an nftables ruleset.
rules() {
  local errors
  errors=$(in_node "$1" nft -f - <<<"$2" 2>&1) || {
    emit error "message=nft of $1: $errors"
    return 1
  }
}

# kernel_has FEATURE: try it, in a network namespace that vanishes at once.
kernel_has() {
  local try
  case $1 in
    vlan) try='ip link add p0 type veth peer name p1 && ip link add link p0 name p0.7 type vlan id 7' ;;
    macvlan | ipvlan) try="ip link add p0 type veth peer name p1 && ip link add link p0 name m0 type $1" ;;
    vxlan) try='ip link add x0 type vxlan id 7 dstport 4789' ;;
    vrf) try='ip link add r0 type vrf table 7' ;;
    netem) try='ip link add p0 type veth peer name p1 && tc qdisc add dev p0 root netem delay 1ms' ;;
    tun) try='ip tuntap add t0 mode tun' ;;
    nftables) try='nft add table ip t' ;;
    nat) try='nft "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c masquerade"' ;;
    *) try="ip link add k0 type $1" ;;
  esac
  unshare "${FLAGS[@]}" --net sh -c "$try" >/dev/null 2>&1
}
