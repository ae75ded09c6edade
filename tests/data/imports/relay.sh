#!/bin/bash
# A DHCP relay agent between a client and a server, whose network has a switch in a namespace of its own; and a
# link that labs have no word for.
#
#   relay.sh FIRST LAST     the addresses that are given out
set -e
folder=$(mktemp -d)
for name in client relay server switch; do
  ip netns add $name
  ip -n $name link set lo up
done
ip link add br-int type bridge
ip link set br-int up
ip -n switch link add br-ext type bridge
ip -n switch link set br-ext up
plug() { # plug NAMESPACE LINK BRIDGE [ip's options for where that is]
  ip link add "p-$1" type veth peer name "$2" netns "$1"
  [[ -z ${4-} ]] || ip link set "p-$1" netns switch
  # shellcheck disable=SC2086
  ip ${4-} link set "p-$1" master "$3" up
  ip -n "$1" link set "$2" up
}
plug client eth0 br-int
plug relay int0 br-int
plug server eth0 br-ext '-n switch'
ip link add p-relay2 netns switch type veth peer name ext0 netns relay
ip -n switch link set p-relay2 master br-ext up
ip -n relay link set ext0 up
ip -n relay address add 192.168.100.1/24 dev int0
ip -n relay address add 192.168.200.1/24 dev ext0
ip -n server address add 192.168.200.3/24 dev eth0
ip -n server route add 192.168.100.0/24 via 192.168.200.1
ip -n server link add vx0 type vxlan id 7 remote 192.168.200.9 dstport 4789 dev eth0
ip netns exec relay sysctl -qw net.ipv4.ip_forward=1
printf '%s\n' port=0 no-ping user=root group=root interface=eth0 "dhcp-range=$1,$2,255.255.255.0,1h" \
  "dhcp-leasefile=$folder/server.leases" >"$folder/server.conf"
echo 'not for any daemon' >"$folder/notes"
ip netns exec server dnsmasq --no-daemon --conf-file="$folder/server.conf" &
ip netns exec relay dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root --group=root \
  --interface=int0 --interface=ext0 --dhcp-relay=192.168.100.1,192.168.200.3 &
