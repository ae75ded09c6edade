#!/bin/bash
# Two networks on one bridge, joined by device routes, and a server in each.
set -e
ip link add br0 type bridge
ip link set br0 up
network=1
for name in left right; do
  ip netns add $name
  ip link add p-$name type veth peer name eth0 netns $name
  ip link set p-$name master br0 up
  ip -n $name link set lo up
  ip -n $name link set eth0 mtu 1400 up
  ip -n $name address add 10.0.$network.1/24 dev eth0
  ip -n $name address add 192.0.2.$network/32 dev lo
  ip netns exec $name sysctl -qw net.ipv4.ip_default_ttl=33 net.ipv4.conf.eth0.proxy_arp=1
  mkdir -p www-$name
  echo "hello from $name" >www-$name/index.html
  (cd www-$name && PLACE=$name ip netns exec $name busybox httpd -f -p 80) &
  network=$((network + 1))
done
ip -n left route add 10.0.2.0/24 dev eth0
ip -n right route add 10.0.1.0/24 dev eth0
for _ in 1 2 3 4 5 6 7 8 9 10; do
  ! ip netns exec left busybox wget -qO- http://10.0.2.1/ | grep -q right || exit 0
  sleep 0.2
done
exit 1
