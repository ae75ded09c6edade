//! What the fields of a topology are: for those who read it, and for the schema.

use crate::yaml::outline::Known;

/// The fields of a lab file that are its topology.
pub const FIELDS: [Known; 8] = [
    ("needs", "what the machine must have", "{commands: {dnsmasq: dnsmasq-base}}"),
    ("subject", "the program under test", "{program: dhcplb, build: make}"),
    (
        "bridges",
        "switches: a list of names, or a mapping from names to `addresses`, `mtu`, `mac` and what [links of the kind `bridge`](#links-inside-of-a-node) have but `ports`",
        "[br0]",
    ),
    (
        "private",
        "folders that begin empty and are the lab's own, besides those that always are. Each must be there on the machine or be below one that is the lab's own",
        "[/opt/daemon]",
    ),
    (
        "files",
        "files for all of the lab, written before its services start: by their paths below `/etc`, `/run`, `/tmp`, `/var/tmp` or one of `private`",
        "{/run/lab/ca.conf: \"ca\"}",
    ),
    (
        "pass-env",
        "variables that the lab sees of the environment labrun runs in, if `--allow env` grants it",
        "[GOFLAGS]",
    ),
    (
        "writable",
        "folders of the machine that the lab can write to, if `--allow write` grants it",
        "[/srv/captures]",
    ),
    ("nodes", "hosts, by name", "{client: {links: {eth0: {peer: server/eth0}}}}"),
];
pub const UNPACKED: [Known; 1] = [(
    "unpack",
    "the Debian package that is unpacked for the lab alone, as one that excludes another of the lab's",
    "zabbix-proxy-sqlite3",
)];

pub const NEEDS: [Known; 3] = [
    (
        "commands",
        "commands that services and steps run, each with the Debian package that has it, `unpack` and a package that is not to be installed, or `none` where there is none",
        "{dnsmasq: dnsmasq-base}",
    ),
    (
        "kernel",
        "kernel features. Where one is missing the lab's tests are skipped by name",
        "[tun]",
    ),
    (
        "ids",
        "`range`: users and groups besides root, as a daemon wants that changes to a user of its own. Where an ordinary user has none the lab's tests are skipped by name",
        "range",
    ),
];
pub const SUBJECT: [Known; 4] = [
    ("program", "the name by which the lab's commands call it", "dhcplb"),
    (
        "stand-in",
        "the packaged program that can take its place",
        "{program: dhcrelay, package: isc-dhcp-relay}",
    ),
    ("repository", "how its repository is known", "{go-module: github.com/facebook/dhcplb}"),
    (
        "build",
        "the shell command that leaves the program in `$OUT`, or a list of them: the first one all of whose `files` are in the repository is taken",
        "go build -o \"$OUT/dhcplb\" .",
    ),
];
pub const STAND_IN: [Known; 2] = [
    ("program", "its command", "dhcrelay"),
    ("package", "the Debian package that has it", "isc-dhcp-relay"),
];
pub const REPOSITORY: [Known; 3] = [
    ("go-module", "one of these is the module of its `go.mod`", "github.com/facebook/dhcplb"),
    ("cargo-package", "one of these is the package of its `Cargo.toml`", "dhcplb"),
    ("files", "all of these are in it", "[meson.build, src/dhcplb.c]"),
];
pub const BUILD: [Known; 2] = [
    ("files", "which files a repository must have for this", "go.mod"),
    (
        "command",
        "the shell command that leaves the program in `$OUT`",
        "go build -o \"$OUT/dhcplb\" .",
    ),
];
pub const ADDRESSES: Known =
    ("addresses", "one address or a list, each with its prefix length", "10.0.0.1/24");
/// What bridges and links have in common.
pub const INTERFACE: [Known; 3] = [
    ADDRESSES,
    ("mtu", "the largest packet, in bytes", "1400"),
    ("mac", "the hardware address", "\"02:00:00:00:00:01\""),
];
pub const NODE: [Known; 8] = [
    (
        "links",
        "network interfaces, by name (at most 15 bytes, as the kernel wants it)",
        "{eth0: {bridge: br0, port: p-client, addresses: 10.0.0.1/24}}",
    ),
    (
        "routes",
        "static routes: `to` (a network or `default`), `via`, `dev`, `src`, `metric`, `table`, `type`",
        "[{to: default, via: 10.0.0.254}]",
    ),
    (
        "rules",
        "which packets are for which routing table: `from`, `to`, `iif`, `fwmark`, `table`, `priority`",
        "[{from: 10.0.5.0/24, table: 100}]",
    ),
    (
        "forward",
        "`true`: forwards packets, IPv4 and IPv6; otherwise it does not, whatever the host does",
        "true",
    ),
    ("ipv6", "`false`: a node without IPv6", "false"),
    (
        "sysctls",
        "kernel settings below `net`, as in sysctl.conf(5)",
        "{net.ipv4.ip_default_ttl: 16}",
    ),
    ("nft", "an nftables ruleset, as in nft(8)", ""),
    (
        "services",
        "daemons, by name",
        "{http: {command: exec busybox httpd -f -p 80, ready: {tcp: 80}}}",
    ),
];
pub const LINK: [Known; 9] = [
    ("kind", "what it is, if no cable leads to it", "dummy"),
    ("bridge", "the bridge it is plugged into", "br0"),
    (
        "port",
        "the bridge's end of the cable: its name, or a mapping with `name` and how it works",
        "p-client",
    ),
    ("peer", "NODE/LINK at the other end of the cable, in place of `bridge`", "router/eth0"),
    (
        "impair",
        "what happens to the packets that this end of the cable sends: `loss`, `delay`, `jitter`, `duplicate`, `reorder`, `corrupt`, `rate`",
        "{loss: 10%, delay: 50ms}",
    ),
    (
        "uplink",
        "`true`: it leads to what the machine reaches, if `--allow uplink` grants it",
        "true",
    ),
    (
        "device",
        "the interface of the machine that it is while the lab is up, if `--allow device` grants it",
        "enp0s4",
    ),
    ("duplicate", "`true`: others in the same network may have its addresses, too", "true"),
    ("vlans", "VLANs (IEEE 802.1Q) on it, by number", "{10: {addresses: 10.0.10.2/24}}"),
];
/// What links have that no cable leads to; which of these, is known by their kind.
pub const DEVICE: [Known; 11] = [
    (
        "ports",
        "one link of the node or a list: those that belong to this bridge, bond or VRF; each is a name or, of a bridge, a mapping with `name` and how it works",
        "[eth1, eth2]",
    ),
    ("table", "the number of the routing table of a VRF", "10"),
    ("on", "the link of the node that it is made on", "eth0"),
    ("mode", "how those on one link reach each other, or how a bond uses its ports", "bridge"),
    ("id", "the number of the virtual network (VNI)", "10"),
    ("local", "the address of this end of a tunnel", "10.0.0.1"),
    ("remote", "the address of the other end of a tunnel", "10.0.0.2"),
    ("dstport", "the UDP port that frames are sent to (4789)", "4789"),
    ("key", "what tells tunnels with the same ends apart", "7"),
    ("listen-port", "the UDP port that a WireGuard link listens on (51820)", "51821"),
    (
        "peers",
        "the WireGuard links that it has a tunnel to, by NODE/LINK, each of which names it, too",
        "{right/wg0: {allowed: [10.9.0.2/32]}}",
    ),
];
/// What a WireGuard link says of one of its peers.
pub const PEER: [Known; 3] = [
    (
        "allowed",
        "networks, one or a list: what is sent to them goes to this peer, and nothing else is taken from it",
        "[10.9.0.2/32, 192.168.2.0/24]",
    ),
    (
        "endpoint",
        "the address that it is reached at, if none is in a network that is common to both nodes",
        "203.0.113.2",
    ),
    ("keepalive", "how often something is sent to it, as for NAT on the way", "25s"),
];
/// What may be said of the port of a bridge, besides its name.
pub const PORT: [Known; 4] = [
    ("name", "what it is called", "p-client"),
    ("isolated", "`true`: nothing goes from here to other ports that are isolated", "true"),
    ("locked", "`true`: only who is in the forwarding table may send", "true"),
    ("learning", "`false`: senders are not put into the forwarding table", "false"),
];
/// What is said of a bridge, be it the lab's or inside of a node.
pub const SWITCH: [Known; 6] = [
    ("stp", "`true`: the spanning tree protocol", "true"),
    ("priority", "in the election of the root bridge; the lowest is taken", "4096"),
    ("forward-delay", "how long a port listens, and then learns, before it forwards", "2s"),
    ("snooping", "`true`: multicast only goes where somebody wants it", "true"),
    ("querier", "`true`: asks who wants multicast", "true"),
    ("vlan-filtering", "`true`: ports keep VLANs apart", "true"),
];
pub const ROUTE: [Known; 7] = [
    ("to", "a network, or `default`", "default"),
    (
        "via",
        "the address of the next hop, or a list of several, each with `via`, `dev`, `weight`",
        "10.0.0.254",
    ),
    ("dev", "the link that it leads out of", "eth0"),
    ("src", "the address that packets are sent from", "10.0.0.1"),
    ("metric", "of several routes to one network the one with the lowest is taken", "100"),
    ("table", "the number of the routing table that it is in, if not the main one", "100"),
    ("type", "what happens to the packets, in place of a next hop", "blackhole"),
];
/// One of several next hops.
pub const HOP: [Known; 3] = [
    ("via", "its address", "10.0.0.254"),
    ("dev", "the link that leads there", "eth0"),
    ("weight", "its share of the packets, 1 to 256", "2"),
];
pub const RULE: [Known; 6] = [
    ("from", "packets from this network", "10.0.5.0/24"),
    ("to", "packets to this network", "10.1.0.0/16"),
    ("iif", "packets that come in by this link", "eth1"),
    ("fwmark", "packets with this mark, or one of these with a mask", "0x10/0xff"),
    ("table", "the number of the routing table that they are for", "100"),
    ("priority", "of several rules the lowest is looked at first", "1000"),
];
