"""A DHCP server that has one address."""
import socket
import struct

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
server.bind(("", 67))
ME, LEASE, COOKIE = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 9]), b"\x63\x82\x53\x63"
while True:
    message = server.recv(2048)
    options = message[message.find(COOKIE) + 4:]
    asked = options[options.find(b"\x35\x01") + 2]
    kind = {1: 2, 3: 5}.get(asked)
    if kind is None:
        continue
    answer = b"\x02" + message[1:8] + b"\0\0\x80\0" + b"\0" * 4 + LEASE + ME + b"\0" * 4
    answer += message[28:44] + b"\0" * 192 + COOKIE + bytes([53, 1, kind, 54, 4]) + ME
    answer += bytes([1, 4, 255, 255, 255, 0, 51, 4]) + struct.pack(">I", 600) + b"\xff"
    server.sendto(answer, ("255.255.255.255", 68))  # answers
