//! What clients leave behind is read right. The samples in tests/data/leases are real: what each
//! client left when it got its lease from dnsmasq in the lab `server`.

use labrun::packet::bytes::hex;
use labrun::packet::dhcp6::duid_mac;
use labrun::packet::server_id::ServerId;
use labrun::steps::Client;
use labrun::steps::lease::Lease;
use proptest::prelude::*;
use std::net::IpAddr;

const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4(address: &str) -> Lease {
    Lease {
        address: Some(ip(address)),
        prefix: Some(24),
        router: Some(ip("192.168.100.1")),
        dns: vec![ip("192.168.100.1")],
        seconds: Some(600),
        server: Some(ip("192.168.100.1")),
        duid: None,
    }
}

#[test]
fn all_clients_dhcpv4_leases_are_read_alike() {
    let samples = [
        (Client::Dhclient, include_str!("../data/leases/dhclient-4")),
        (Client::Dhcpcd, include_str!("../data/leases/dhcpcd-4")),
        (Client::Udhcpc, include_str!("../data/leases/udhcpc-4")),
    ];
    for (client, text) in samples {
        let lease = Lease::parse(client, text).unwrap_or_else(|| panic!("{client:?}: no lease"));
        assert_eq!(lease, v4("192.168.100.44"), "{client:?}");
        assert!(lease.is_from(&ServerId::Address(ip("192.168.100.1"))));
        assert!(!lease.is_from(&ServerId::Address(ip("192.168.100.2"))));
        assert!(!lease.is_from(&ServerId::Mac(SERVER_MAC)));
        assert_eq!(lease.giver(), "192.168.100.1");
    }
}

#[test]
fn dhcpv6_leases_are_read_with_the_servers_duid() {
    let samples = [
        (Client::Dhclient, include_str!("../data/leases/dhclient-6"), "fd00:100::30"),
        (Client::Dhcpcd, include_str!("../data/leases/dhcpcd-6"), "fd00:100::4c"),
    ];
    for (client, text, address) in samples {
        let lease = Lease::parse(client, text).unwrap_or_else(|| panic!("{client:?}: no lease"));
        let duid = lease.duid.clone().unwrap_or_else(|| panic!("{client:?}: no DUID"));
        let expected = Lease {
            address: Some(ip(address)),
            dns: vec![ip("fd00:100::1")],
            seconds: Some(600),
            duid: Some(duid.clone()),
            ..Lease::default()
        };
        assert_eq!(lease, expected, "{client:?}");
        assert_eq!(duid_mac(&duid), Some(SERVER_MAC));
        assert!(
            lease.is_from(&ServerId::Mac(SERVER_MAC))
                && lease.is_from(&ServerId::Duid(duid.clone()))
        );
        assert!(
            !lease.is_from(&ServerId::Mac([2, 0, 0, 0, 0, 2]))
                && !lease.is_from(&ServerId::Duid(duid[1..].to_vec()))
        );
        assert_eq!(lease.giver(), "02:00:00:00:00:01");
    }
}

#[test]
fn the_last_lease_of_a_dhclient_file_counts_alone() {
    let text = include_str!("../data/leases/dhclient-4");
    let second = "lease {\n  interface \"v-cli\";\n  fixed-address 192.168.100.45;\n}\n";
    let lease = Lease::parse(Client::Dhclient, &format!("{text}{second}")).unwrap();
    // Nothing of the first one is left in it.
    assert_eq!(lease, Lease { address: Some(ip("192.168.100.45")), ..Lease::default() });
    assert_eq!(
        Lease::parse(Client::Dhclient, &format!("{second}{text}")),
        Some(v4("192.168.100.44"))
    );
    let v6 = include_str!("../data/leases/dhclient-6");
    let later =
        Lease::parse(Client::Dhclient, &format!("{v6}{}", v6.replace("::30 ", "::31 "))).unwrap();
    assert_eq!(later.address, Some(ip("fd00:100::31")));
}

#[test]
fn text_that_a_server_chose_does_not_begin_a_lease() {
    let text = include_str!("../data/leases/dhclient-4").replace("\"server\"", "\"lease {\"");
    assert_eq!(Lease::parse(Client::Dhclient, &text), Some(v4("192.168.100.44")));
}

#[test]
fn without_an_address_there_is_no_lease() {
    for client in Client::ALL {
        for text in [
            "",
            "reason=BOUND\nnew_routers=10.0.0.1\nrouter=10.0.0.1\n",
            "lease {\n  option routers 10.0.0.1;\n}\n",
        ] {
            assert_eq!(Lease::parse(client, text), None, "{client:?} {text:?}");
        }
        let broken =
            ["new_ip_address=10.0.0.300\n", "ip=x\n", "lease {\n  fixed-address 10.0.0.;\n}\n"];
        assert!(broken.iter().all(|text| Lease::parse(client, text).is_none()));
    }
}

#[test]
fn several_routers_and_servers_are_told_apart() {
    let dhclient = "lease {\n  fixed-address 10.0.0.9;\n  option subnet-mask 255.255.240.0;\n  option routers 10.0.0.1,10.0.0.2;\n  option domain-name-servers 10.0.0.3, 10.0.0.4;\n}\n";
    let dhcpcd = "new_ip_address=10.0.0.9\nnew_subnet_cidr=20\nnew_routers=10.0.0.1 10.0.0.2\nnew_domain_name_servers=10.0.0.3 10.0.0.4\n";
    let udhcpc =
        "ip=10.0.0.9\nsubnet=255.255.240.0\nrouter=10.0.0.1 10.0.0.2\ndns=10.0.0.3 10.0.0.4\n";
    for (client, text) in
        [(Client::Dhclient, dhclient), (Client::Dhcpcd, dhcpcd), (Client::Udhcpc, udhcpc)]
    {
        let lease = Lease::parse(client, text).unwrap();
        assert_eq!((lease.prefix, lease.router), (Some(20), Some(ip("10.0.0.1"))), "{client:?}");
        assert_eq!(lease.dns, [ip("10.0.0.3"), ip("10.0.0.4")], "{client:?}");
    }
    // A mask with a hole is none.
    assert_eq!(
        Lease::parse(Client::Udhcpc, "ip=10.0.0.9\nsubnet=255.0.255.0\n").unwrap().prefix,
        None
    );
}

#[test]
fn the_hardware_address_is_found_in_both_kinds_of_duid_and_in_no_other() {
    assert_eq!(duid_mac(&[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]), Some(SERVER_MAC));
    assert_eq!(duid_mac(&[0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1]), Some(SERVER_MAC));
    for other in [
        &[][..],
        &[0, 3, 0, 1, 2, 0, 0, 0, 0],
        &[0, 3, 0, 6, 2, 0, 0, 0, 0, 1],
        &[0, 4, 0, 1, 2, 0, 0, 0, 0, 1],
        &[0, 2, 0, 1, 2, 0, 0, 0, 0, 1],
    ] {
        assert_eq!(duid_mac(other), None, "{other:?}");
    }
}

proptest! {
    #![proptest_config(crate::hostile::cases(256))]

    /// A DUID survives the ways in which the clients print it.
    #[test]
    fn a_duid_is_read_as_it_was_printed(duid in proptest::collection::vec(any::<u8>(), 1..130)) {
        let short = duid.iter().map(|b| format!("{b:x}")).collect::<Vec<_>>().join(":");
        let dhclient = format!("lease6 {{\n  ia-na 1 {{\n    iaaddr fd00::1 {{\n    }}\n  }}\n  option dhcp6.server-id {short};\n}}\n");
        prop_assert_eq!(Lease::parse(Client::Dhclient, &dhclient).unwrap().duid, Some(duid.clone()));
        let dhcpcd = format!("new_dhcp6_ia_na1_ia_addr1=fd00::1\nnew_dhcp6_server_id={}\n", hex(&duid).replace(':', ""));
        prop_assert_eq!(Lease::parse(Client::Dhcpcd, &dhcpcd).unwrap().duid, Some(duid));
    }

    /// Whatever a client leaves, reading it does not panic, and a lease always has an address.
    #[test]
    fn reading_any_text_is_safe(text in "(lease \\{\n|iaaddr |fixed-address |new_dhcp6_server_id=|ip=|[ -~\n]|\\PC){0,60}") {
        for client in Client::ALL {
            prop_assert!(Lease::parse(client, &text).is_none_or(|lease| lease.address.is_some() && !lease.giver().is_empty()));
        }
    }
}
