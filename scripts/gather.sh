# What those look at who ask why a test failed: the state of every node, the services' output and files,
# the processes, the versions of the programs.
#
# It is read while the state is still that of the failure, and in two parts. `gather` runs in the
# sandbox and writes to $STATE/gathered; `gathered_send` needs only the state folder, so it also works
# from outside, when the sandbox is gone. Nothing in here may fail or hang a test: a tool that is not
# there or does not end is a line in its file.

# gather: the state of the sandbox into $STATE/gathered, all nodes side by side.
gather() {
  local path folder=$STATE/gathered nodes=()
  rm -rf -- "$folder"
  mkdir -- "$folder" 2>/dev/null || return 0
  # First, before what follows is most of it.
  gather_processes >"$folder/processes.txt"
  for path in global /run/netns/*; do
    [[ $path == '/run/netns/*' ]] || {
      gather_node "${path##*/}" &
      nodes+=("$!")
    }
  done
  gather_versions >"$folder/versions.txt"
  # `wait` alone would wait for whatever else this process started.
  wait "${nodes[@]}"
}

# gather_node HANDLE: what iproute2, nft and the kernel say of it. What explains most comes first.
gather_node() {
  local folder=$STATE/gathered/nodes/$1 IN=() deadline setting settings=()
  mkdir -p -- "$folder" || return 0
  [[ $1 == global ]] || IN=(nsenter --net="/run/netns/$1" --)
  uptime_ms
  deadline=$((REPLY + 5000))
  look addresses ip -d address show
  look links ip -d -s link show
  look routes ip -4 route show table all
  look routes ip -6 route show table all
  look neighbours ip -s neighbour show
  look sockets ss --tcp --udp --raw --packet --all --numeric --processes
  look nft nft list ruleset
  look rules ip -4 rule show
  look rules ip -6 rule show
  for setting in forwarding rp_filter proxy_arp accept_ra accept_dad disable_ipv6; do
    settings+=("--include=$setting")
  done
  # Of /proc/sys/net every process sees its own namespace's.
  look sysctls grep -rs "${settings[@]}" . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf
  [[ $1 == global ]] || return 0
  look bridges bridge -d link show
  look bridges bridge fdb show
  look bridges bridge vlan show
}

# look FILE COMMAND...: add what the command says to the file. It has two seconds, all of a node's five.
look() {
  local file=$folder/$1.txt
  shift
  uptime_ms
  {
    printf '$ %s\n' "$*"
    if ! command -v "$1" >/dev/null; then
      printf '(there is no %s on this machine)\n' "$1"
    elif ((REPLY >= deadline)); then
      printf '(left out: the commands before it took too long)\n'
    else
      # In a group of its own by timeout(1), so that nothing it starts outlives it.
      timeout -k 0.5 2 "${IN[@]}" "$@" 2>&1 </dev/null
      case $? in
        124 | 137) printf '(it did not end within 2 seconds)\n' ;;
      esac
    fi
    printf '\n'
  } >>"$file"
}

# gather_processes: every process of the sandbox, and the node it is in.
gather_processes() {
  local stat line fields path node words text
  printf '%7s %7s %s %-20s %s\n' pid parent S node command
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }"
    node=-
    for path in /proc/1/ns/net /run/netns/*; do
      [[ ${stat%/stat}/ns/net -ef $path ]] || continue
      node=${path##*/}
      [[ $path != /proc/1/ns/net ]] || node=global
      break
    done
    { mapfile -d '' -t words <"${stat%/stat}/cmdline"; } 2>/dev/null || continue
    text=${words[*]}
    # A zombie has no words, only a name.
    [[ -n $text ]] || { text=${line#*(} && text="[${text%)*}]"; }
    printf '%7s %7s %s %-20s %s\n' "${line%% *}" "${fields[1]}" "${fields[0]}" "$node" "${text//[[:cntrl:]]/ }"
  done | cut -c 1-2000
}

# gather_versions: the machine, the subject, and every command that the lab needs.
gather_versions() {
  local name package path version how program
  printf '%-12s %s\n' kernel "$(uname -srvm)"
  # shellcheck source=/dev/null
  printf '%-12s %s\n' system "$(. /etc/os-release 2>/dev/null && printf %s "${PRETTY_NAME-}")"
  printf '%-12s %s\n' bash "$BASH_VERSION"
  if { read -r how && IFS= read -r path; } 2>/dev/null <"$STATE/subject"; then
    lab_subject
    if [[ $how == stand-in ]]; then
      printf '%-12s %s\n' subject "$program: not there, its stand-in $stand_in runs"
    else
      version=$(sha256sum "$STATE/bin/$program")
      printf '%-12s %s\n' subject "$program, $how, $path, sha256 ${version%% *}"
    fi
  fi
  while read -r name package; do
    path=$(command -v -- "$name") || path='(there is none)'
    version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null)
    # Not from a package: its own first line will have to do.
    [[ -n $version ]] || { package='' && version=$(timeout -k 0.5 2 "$name" --version 2>&1 </dev/null | head -n 1 | cut -c 1-200); }
    printf '%-12s %s %s %s\n' "$name" "$path" "$package" "$version"
  done < <(lab_needs "${how-}")
}

# gathered_send: what was gathered, and the services' output and files, as `output` events of the stream
# `file`; then `gathered`.
gathered_send() {
  local size path name left=$((16 << 20)) files=200
  # One look at all sizes: a process a file is what takes the time here.
  while IFS= read -r -d '' path; do
    size=${path%% *}
    path=${path#"$size $STATE/"}
    case $path in
      gathered/*) gathered_file "${path#gathered/}" $((1 << 20)) ;;
      log/*.log)
        name=services/$(basename "$path" .log)
        gathered_file "$name.log" $((4 << 20))
        emit output stream=file "name=$name.status" "data=$(service_status "${name#*/}" | base64 -w 0)"
        ;;
      # Its configuration and what it remembers, a server's leases above all.
      service/*/*)
        name=${path#service/}
        ((files-- <= 0)) || gathered_file "services/${name%%/*}.files/${name#*/}" $((64 << 10))
        ;;
    esac
  done < <(find "$STATE"/{gathered,log,service} -type f -printf '%s %p\0' 2>/dev/null)
  # Another failure must not be explained by this one's state.
  rm -rf -- "$STATE/gathered"
  emit gathered
}

# service_status NAME: whether it runs, in words.
service_status() {
  local status stopped=
  [[ ! -e $STATE/log/$1.stopped ]] || stopped=', stopped by the test'
  if { read -r status <"$STATE/log/$1.exit"; } 2>/dev/null; then
    if ((status > 128)); then
      printf 'ended by signal %s%s\n' "$((status - 128))" "$stopped"
    else
      printf 'ended with exit status %s%s\n' "$status" "$stopped"
    fi
  elif service_pid "$1"; then
    printf 'running, process %s of the sandbox\n' "$REPLY"
  else
    printf 'not started\n'
  fi
}

# gathered_file NAME LIMIT: the last LIMIT bytes of the file $path of $size bytes, less when all files
# together get too much.
gathered_file() {
  local limit=$2 event data i LC_ALL=C
  [[ -r $STATE/$path ]] || return 0
  ((limit <= left)) || limit=$left
  ((size >= limit)) || limit=$size
  ((left -= limit))
  json_text "$1"
  event="{\"event\":\"output\",\"time\":$EPOCHREALTIME,\"stream\":\"file\",\"name\":$REPLY,\"data\":\""
  # The whole line must stay below PIPE_BUF.
  ((${#event} < 900)) || return 0
  if ((size == limit && size <= 32768)); then
    data=$(base64 -w 0 -- "$STATE/$path" 2>/dev/null)
    # Once for an empty file, too: that it is empty is worth knowing.
    for ((i = 0; i == 0 || i < ${#data}; i += 3000)); do
      printf '%s%s"}\n' "$event" "${data:i:3000}" >&"$EVENTS"
    done
    return
  fi
  {
    ((size == limit)) || printf '(%s bytes before this are left out)\n' $((size - limit))
    tail -c "$limit" -- "$STATE/$path"
  } 2>/dev/null | base64 -w 3000 |
    # awk writes a line at once, and reads more than bash's one byte at a time.
    EVENT=$event awk '{ print ENVIRON["EVENT"] $0 "\"}"; fflush() }' >&"$EVENTS"
}
