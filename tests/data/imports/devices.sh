#!/bin/bash
# Two hosts on a cable, and a tunnel of Ethernet between them.
set -e
ip netns add left
ip netns add right
ip link add eth0 netns left type veth peer name eth0 netns right
number=1
for name in left right; do
  ip -n $name link set eth0 up
  ip -n $name address add 10.0.0.$number/24 dev eth0
  ip -n $name link add vx0 mtu 1400 type vxlan id 7 remote 10.0.0.$((3 - number)) dstport 4789 dev eth0
  ip -n $name link set vx0 up
  ip -n $name address add 192.0.2.$number/24 dev vx0
  number=$((number + 1))
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  ! ip netns exec left ping -qc 1 -W 1 192.0.2.2 || exit 0
done
exit 1
