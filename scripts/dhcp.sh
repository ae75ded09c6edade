# The `dhcp` step: a real client takes a lease from nothing. Which lease it got, from whom, and
# whether the address is on the link is reported as it is found, for labrun to judge.

# step_dhcp NODE SECONDS LINK 4|6 CLIENT
step_dhcp() {
  local node=$1 seconds=$2 link=$3 family=$4 client=$5 memory lease status
  memory=$STATE/client/$node,$link,$family
  mkdir -p "$STATE/client"
  [[ ! -e $memory ]] || dhcp_forget "$memory"
  resolver_keep
  # Ubuntu's AppArmor profile lets dhclient write these two names only.
  lease=/var/lib/dhcp/dhclient-$node-$link-$family.leases
  printf '%s\n' "$node" "$link" "$family" "$client" "$lease" "/run/dhclient-$node-$link-$family.pid" >"$memory"
  mkdir -p "${lease%/*}"
  rm -f -- "$lease"
  ip_in "$node" "-$family" addr flush dev "$link" scope global
  [[ $family == 4 ]] || link_settled "$node" "$link"
  piped "$ERR" "dhcp_$client"
  status=$?
  [[ -e $lease ]] && emit_file "$lease" 65536 stream=lease
  ip_in "$node" -j "-$family" addr show dev "$link" >"$OUT.addresses" 2>/dev/null
  emit_file "$OUT.addresses" 65536 stream=addresses
  step_done "$status"
}

# piped FILE COMMAND...: its output in FILE, through a pipe: a client that AppArmor confines is not let
# write to a file that was opened for it.
piped() {
  local file=$1 pipe reader status deadline
  shift
  exec {pipe}> >(exec cat >"$file")
  reader=$!
  ("$@") >&"$pipe" 2>&1 </dev/null {pipe}>&-
  status=$?
  exec {pipe}>&-
  # What a client leaves running may hold the pipe open; its words no longer matter.
  uptime_ms
  deadline=$((REPLY + 500))
  while kill -0 "$reader" 2>/dev/null && uptime_ms && ((REPLY < deadline)); do
    pause 0.002
  done
  return "$status"
}

# link_settled NODE LINK: its link-local address may be used (a client binds to it at once).
link_settled() {
  local deadline
  uptime_ms
  deadline=$((REPLY + 2000))
  until [[ -n $(ip_in "$1" -o -6 addr show dev "$2" scope link -tentative) ]]; do
    uptime_ms
    ((REPLY < deadline)) || return 0
    pause 0.01
  done
}

# resolver_keep: clients write /etc/resolv.conf, which all nodes share. The one from before the test is
# kept until resolver_again.
resolver_keep() {
  [[ ! -d $STATE/client/.etc ]] || return 0
  mkdir "$STATE/client/.etc"
  cp -P /etc/resolv.conf "$STATE/client/.etc/" 2>/dev/null || :
}

resolver_again() {
  [[ -d $STATE/client/.etc ]] || return 0
  rm -f /etc/resolv.conf
  cp -P "$STATE/client/.etc/resolv.conf" /etc/ 2>/dev/null || :
  rm -rf "$STATE/client/.etc"
}

dhcp_dhclient() {
  bounded "$seconds" "$node" dhclient "-$family" -1 -v -lf "$lease" -pf "/run/dhclient-$node-$link-$family.pid" "$link"
}

# dhcpcd configures the link itself; the hook only writes down what it was given.
dhcp_dhcpcd() {
  local hook=$STATE/client/hook-$node-$link-$family
  dhcp_hook "$hook" ''
  # It would ask for the address of an earlier lease again, be it that of another node's link.
  rm -f -- /var/lib/dhcpcd/"$link".lease* /var/db/dhcpcd/"$link".lease*
  {
    # No conflict probe and no random delay: both only cost time on a network made for the test.
    printf '%s\n' duid noarp nodelay 'option domain_name_servers, domain_name, routers, interface_mtu' \
      'option dhcp6_name_servers, dhcp6_domain_search'
    # Without `ia_na` it would wait for a router that advertises DHCPv6 (RFC 4861, M flag).
    [[ $family == 4 ]] || printf '%s\n' noipv6rs "interface $link" 'ia_na 1'
  } >"$hook.conf"
  bounded "$seconds" "$node" env -i "PATH=$PATH" dhcpcd "-$family" -1 -B -d --waitip="$family" -f "$hook.conf" -c "$hook" "$link"
}

# udhcpc leaves all configuration to its script.
dhcp_udhcpc() {
  local hook=$STATE/client/hook-$node-$link-$family
  # shellcheck disable=SC2016 # expanded when the hook runs
  dhcp_hook "$hook" '
if [ "$1" = bound ]; then
  ip -4 addr replace "$ip/${mask:-32}" dev "$interface"
  for r in $router; do ip -4 route replace default via "$r" dev "$interface"; break; done
fi'
  bounded "$seconds" "$node" env -i "PATH=$PATH" udhcpc -f -n -q -t 20 -T 1 -i "$link" -s "$hook"
}

# dhcp_hook FILE COMMANDS: a client script that does COMMANDS and keeps its environment as the lease. The
# client is started with an empty one, or a variable of the user's called `dns` would be part of it.
dhcp_hook() {
  # shellcheck disable=SC2016 # expanded when the hook runs
  printf '#!/bin/sh\nif [ "$1" = bound ] || [ "${reason#BOUND}" != "${reason-}" ]; then env >%q; fi\n%s\n' \
    "$lease" "$2" >"$1"
  chmod 755 "$1"
}

# dhcp_forget MEMORY: end a client of an earlier step and take back what it configured.
dhcp_forget() {
  local node link family client lease pidfile pid
  { read -r node && read -r link && read -r family && read -r client && read -r lease && read -r pidfile; } <"$1" || return 0
  { read -r pid <"$pidfile"; } 2>/dev/null && kill -KILL "$pid" 2>/dev/null
  rm -f -- "$1" "$lease" "$pidfile"
  ip_in "$node" "-$family" addr flush dev "$link" scope global
  node_again "$node"
}
