#!/bin/bash
# Two servers on a bridge, behind nftables that balance and masquerade, and a host outside.
set -e
ip link add br1 type bridge
ip address add 192.168.1.10/24 dev br1
ip link set br1 up
for number in 1 2; do
  ip netns add server$number
  ip link add port$number type veth peer name veth$number netns server$number
  ip link set port$number master br1 up
  ip -n server$number link set veth$number up
  ip -n server$number address add 192.168.1.1$number/24 dev veth$number
  ip -n server$number route add default via 192.168.1.10
  echo "server$number" >/tmp/page-$number.html
  ip netns exec server$number socat TCP-LISTEN:80,fork,reuseaddr FILE:/tmp/page-$number.html,rdonly &
done
ip netns add outside
ip link add wan0 type veth peer name eth0 netns outside
ip address add 10.0.9.1/24 dev wan0
ip link set wan0 up
ip -n outside link set eth0 up
ip -n outside address add 10.0.9.2/24 dev eth0
sysctl -qw net.ipv4.ip_forward=1
nft -f - <<'RULES'
table ip balance {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 10.0.9.1 tcp dport 80 dnat to numgen inc mod 2 map { 0 : 192.168.1.11, 1 : 192.168.1.12 }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 192.168.1.0/24 oifname "wan0" masquerade
  }
}
RULES
for _ in 1 2 3 4 5 6 7 8 9 10; do
  got=$(for _ in one two; do ip netns exec outside socat -u TCP:10.0.9.1:80,connect-timeout=1 - || :; done | sort | xargs)
  [[ $got != 'server1 server2' ]] || exit 0
  sleep 0.2
done
exit 1
