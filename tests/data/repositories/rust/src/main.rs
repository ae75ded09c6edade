//! An HTTP server with one page.

use std::io::{Read, Write};

fn main() {
    let listener = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let page = "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nhealthy"; // answers
        let _ = stream.write_all(page.as_bytes());
    }
}
