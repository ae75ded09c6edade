//! The least time that a network of `NODES` namespaces on one bridge can take: the bare system calls, one process,
//! nothing checked but that the kernel agrees. `.ci/bench` measures labrun in multiples of it.
//!
//!     unshare --net floor NODES [LINKS]       as many links as nodes, unless there are more
//!
//! It shares no code with labrun, which could make both slow alike.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // raw system calls are what this is about
mod linux {
    use std::fs::File;
    use std::io::{Error, Read, Write};
    use std::os::fd::{AsRawFd, FromRawFd};

    pub fn main() {
        let numbers: Vec<u32> =
            std::env::args().skip(1).map(|word| word.parse().expect("NODES [LINKS]")).collect();
        let nodes = numbers[0];
        let links = numbers.get(1).copied().unwrap_or(nodes);
        let all = libc::rlimit { rlim_cur: u64::from(nodes) + 64, rlim_max: u64::from(nodes) + 64 };
        // SAFETY: it is read only. Without the right to raise it, opening fails and says so.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &all) };

        let global = here();
        let mut socket = socket();
        link(&mut socket, &new("br0", 0, "bridge", &[]));
        let bridge = index("br0");
        let namespaces: Vec<File> = (0..nodes).map(|_| unshare()).collect();
        enter(&global);
        for number in 0..links {
            let namespace = &namespaces[(number % nodes) as usize];
            let mut peer = vec![0; 16];
            put(&mut peer, libc::IFLA_IFNAME, format!("e{number}\0").as_bytes());
            put(&mut peer, libc::IFLA_NET_NS_FD, &(namespace.as_raw_fd() as u32).to_ne_bytes());
            let mut data = Vec::new();
            put(&mut data, 1, &peer);
            link(&mut socket, &new(&format!("p{number}"), bridge, "veth", &data));
        }
        for node in 0..nodes {
            enter(&namespaces[node as usize]);
            let mut socket = self::socket();
            up(&mut socket, 1);
            for number in (node..links).step_by(nodes as usize) {
                let index = index(&format!("e{number}"));
                up(&mut socket, index);
                let mut body = vec![libc::AF_INET as u8, 8, 0, 0];
                body.extend(index.to_ne_bytes());
                let address = (0x0a00_0001 + number).to_be_bytes();
                put(&mut body, libc::IFA_LOCAL, &address);
                put(&mut body, libc::IFA_ADDRESS, &address);
                request(&mut socket, libc::RTM_NEWADDR, &body);
            }
        }
        enter(&global);
        up(&mut socket, bridge);
    }

    /// What makes a link that is up, but for a bridge.
    fn new(name: &str, master: u32, kind: &str, data: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 16];
        if master != 0 {
            body[8] = libc::IFF_UP as u8;
            body[12] = libc::IFF_UP as u8;
            put(&mut body, libc::IFLA_MASTER, &master.to_ne_bytes());
        }
        put(&mut body, libc::IFLA_IFNAME, format!("{name}\0").as_bytes());
        let mut info = Vec::new();
        put(&mut info, libc::IFLA_INFO_KIND, kind.as_bytes());
        if !data.is_empty() {
            put(&mut info, libc::IFLA_INFO_DATA, data);
        }
        put(&mut body, libc::IFLA_LINKINFO, &info);
        body
    }

    fn link(socket: &mut File, body: &[u8]) {
        request(socket, libc::RTM_NEWLINK, body);
    }

    fn up(socket: &mut File, index: u32) {
        let mut body = vec![0; 16];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8] = libc::IFF_UP as u8;
        body[12] = libc::IFF_UP as u8;
        link(socket, &body);
    }

    fn put(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
        to.extend((value.len() as u16 + 4).to_ne_bytes());
        to.extend(kind.to_ne_bytes());
        to.extend(value);
        to.resize(to.len().next_multiple_of(4), 0);
    }

    fn request(socket: &mut File, kind: u16, body: &[u8]) {
        let mut message = ((body.len() + 16) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(
            ((libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16).to_ne_bytes(),
        );
        message.extend([0; 8]);
        message.extend(body);
        socket.write_all(&message).unwrap();
        let mut answer = [0; 4096];
        assert!(socket.read(&mut answer).unwrap() >= 20);
        let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
        assert_eq!(error, 0, "{}", Error::from_raw_os_error(-error));
    }

    fn socket() -> File {
        // SAFETY: the descriptor is new and nobody else's.
        unsafe {
            File::from_raw_fd(check(libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                libc::NETLINK_ROUTE,
            )))
        }
    }

    fn index(name: &str) -> u32 {
        let name = std::ffi::CString::new(name).unwrap();
        // SAFETY: a string that ends.
        unsafe { libc::if_nametoindex(name.as_ptr()) }
    }

    fn here() -> File {
        File::open("/proc/thread-self/ns/net").unwrap()
    }

    fn unshare() -> File {
        // SAFETY: descriptors stay shared.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) });
        here()
    }

    fn enter(namespace: &File) {
        // SAFETY: no memory is passed.
        check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) });
    }

    fn check(status: i32) -> i32 {
        assert!(status >= 0, "{}", Error::last_os_error());
        status
    }
}
