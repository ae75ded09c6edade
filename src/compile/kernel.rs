//! By what a script finds out whether a kernel has a feature that a lab needs.

/// The shell command that works where the kernel has `feature`, one of `KERNEL_FEATURES`. It is run in a
/// network namespace that vanishes at once.
pub fn trial(feature: &str) -> String {
    let pair = "ip link add p0 type veth peer name p1";
    let nat = "add chain ip t c { type nat hook postrouting priority 100; }";
    match feature {
        "vlan" => format!("{pair} && ip link add link p0 name m0 type vlan id 7"),
        "macvlan" | "ipvlan" => format!("{pair} && ip link add link p0 name m0 type {feature}"),
        "vlan-filtering" => "ip link add b0 type bridge vlan_filtering 1".into(),
        "gre" => "ip link add g0 type gre local 192.0.2.1 remote 192.0.2.2".into(),
        "vrf" => "ip link add r0 type vrf table 7".into(),
        "vxlan" => "ip link add k0 type vxlan id 7 dstport 4789".into(),
        // More than one user of the machine has an id in the sandbox, see user_namespaces(7).
        "ids" => "grep -q '[0-9]\\{5\\}$' /proc/self/uid_map /proc/self/gid_map".into(),
        "netem" => format!("{pair} && tc qdisc add dev p0 root netem delay 1ms"),
        "tbf" => format!("{pair} && tc qdisc add dev p0 root tbf rate 1mbit burst 1600 latency 1s"),
        // Asking for a link loads the module, which makes the device; whether this user may open that is to be seen.
        "ppp" => "ip link add p0 type ppp 2>/dev/null; : </dev/ppp".into(),
        // Such a socket (AF_PPPOX, SOCK_DGRAM, PX_PROTO_OE) loads the module; nothing of iproute2 makes one.
        "pppoe" => {
            "test -e /proc/net/pppoe || perl -e 'socket(S, 24, 2, 0) or die \"socket: $!\\n\"'"
                .into()
        }
        "tun" => "ip tuntap add t0 mode tun".into(),
        "nftables" => "nft add table ip t".into(),
        "nat" => {
            format!("nft 'add table ip t; {nat}; add rule ip t c masquerade'")
        }
        _ => format!("ip link add k0 type {feature}"),
    }
}
