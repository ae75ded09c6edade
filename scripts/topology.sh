# Building the lab's network inside the sandbox, and running commands in its nodes.
#
# What there is to do is text in sections, each headed by what its lines are for and where they are done:
#
#   [settings of NODE...]        lines of `sysctl`; of `ip -batch` or `tc -batch`; or of commands, after `? ` if they may fail
#
# labrun does all of it in one process (src/agent/net). Without it the lines are run as what they are, a
# process or two for each section, with the same result.

# prefix NODE: the words that put a command into the network namespace of NODE, in the array $IN.
prefix() {
  IN=(ip netns exec "$1")
  [[ ! -e $STATE/private/plain-nsenter ]] || IN=(nsenter --net="/run/netns/$1" --)
  [[ $1 != global ]] || IN=()
}

# in_node NODE COMMAND...: run COMMAND in the network namespace of NODE.
in_node() {
  local IN
  prefix "$1"
  "${IN[@]}" "${@:2}"
}

# ip_in NODE ARGUMENT...: iproute2's `ip`, or $TOOL, in NODE, without the cost of entering a mount namespace.
ip_in() {
  if [[ $1 == global ]]; then "${TOOL-ip}" "${@:2}"; else "${TOOL-ip}" -n "$@"; fi
}

# apply TEXT: do what it says, by labrun if $AGENT is one; in $REFUSED the lines that were free to fail and did.
apply() {
  local output status
  REFUSED=
  [[ -n $AGENT ]] || { apply_by_commands "$1"; return; }
  # `exec` saves a process, here and elsewhere, where output is redirected.
  output=$(exec "$AGENT" _net <<<"$1" 2>&1)
  status=$?
  case $status in
    0) REFUSED=$output ;;
    # There is no such program, it does not run here, or it knows no such verb. It has touched nothing.
    1 | 2 | 126 | 127)
      emit log service=network "line=$AGENT does not start (${output##*$'\n'}), so this is left to ip(8)"
      apply_by_commands "$1"
      ;;
    4) topology_failed "${output##*$'\n'}" ;;
    *) topology_failed "the program that builds the network ended with status $status: ${output##*$'\n'}" ;;
  esac
}

# apply_by_commands TEXT: the same, section by section.
apply_by_commands() {
  local lines line what='' places=() body=''
  mapfile -t lines <<<"$1"
  for line in "${lines[@]}" '[]'; do
    if [[ $line == '['* ]]; then
      section || return
      what=${line:1:-1} body=
      read -ra places <<<"${what#* of }"
      what=${what%% of *}
    else
      body+=$line$'\n'
    fi
  done
}

# section: do $body, lines for $what, in each of $places.
section() {
  local place
  for place in "${places[@]}"; do
    case $what in
      mounts) commands ;;
      settings) sysctls "$place" ;;
      queues) TOOL=tc batch "$place" ;;
      IPv6*) batch "$place" -6 ;;
      *) batch "$place" ;;
    esac || return
  done
}

# commands: each line of $body is one.
commands() {
  local line free error words
  while IFS= read -r line; do
    free=${line%%[!?]*} line=${line#'? '}
    read -ra words <<<"$line"
    # As /proc/mounts has blanks.
    words=("${words[@]//\\040/ }") words=("${words[@]//\\134/\\}")
    error=$("${words[@]}" 2>&1) && continue
    [[ -n $free ]] || { topology_failed "mounts of global: $error ($line)"; return; }
    REFUSED+=$line$'\n'
  done <<<"${body%$'\n'}"
}

# batch NODE [OPTION]: one `ip -batch` run, or of $TOOL, for $body; reports the line that failed.
batch() {
  local errors line
  errors=$(ip_in "$1" "${@:2}" -batch - <<<"$body" 2>&1 >/dev/null) && return
  line=${errors##*Command failed -:}
  line=$(sed -n "${line%%[!0-9]*}p" <<<"$body" 2>/dev/null)
  topology_failed "$what of $1: ${errors%%$'\n'*} (${TOOL-ip} $line)"
}

# sysctls NODE: write $body from one process in NODE.
sysctls() {
  local error IN=()
  # /proc/sys/net is that of the process itself: no need for the mounts of ip-netns(8), which take
  # twice the time of all the rest.
  [[ $1 == global ]] || IN=(nsenter --net="/run/netns/$1" --)
  # shellcheck disable=SC2016 # expanded by the inner shell
  error=$("${IN[@]}" sh -c '
    while read -r sysctl key value; do
      file=/proc/sys/${key#\?}
      [ "$file" = "/proc/sys/$key" ] || [ -e "$file" ] || continue
      { printf %s "$value" >"$file"; } 2>/dev/null || { echo "$sysctl $key $value"; exit 1; }
    done' <<<"${body%$'\n'}" 2>&1) && return
  topology_failed "$what of $1: the kernel does not take it ($error)"
}

# topology_failed TEXT: name what the kernel lacks if that is the reason, else say what happened. Where not even a namespace can
# be made to try it in, nothing is known: this sandbox is broken itself, as one is whose mapping of ids was killed.
topology_failed() {
  local feature
  for feature in veth bridge; do
    kernel_has "ip link add k0 type $feature" || [[ $REPLY == unshare:* ]] || { emit missing kind=kernel "name=$feature" "why=${REPLY##*$'\n'}"; return 1; }
  done
  emit error "message=$1"
  return 1
}

# rules NODE TEXT: load an nftables ruleset.
rules() {
  local errors
  errors=$(in_node "$1" nft -f - <<<"$2" 2>&1) || { emit error "message=nft of $1: $errors"; return 1; }
}

# kernel_has COMMAND: whether it works, in a network namespace that vanishes at once; why not in $REPLY.
kernel_has() { REPLY=$(unshare "${FLAGS[@]}" --net sh -c "$1" 2>&1 >/dev/null); }
