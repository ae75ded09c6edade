"""A tunnel through UDP, with nothing secret but its bits."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys


def main():
    address, peer, port, remote = sys.argv[1:]
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
    subprocess.run(["ip", "link", "set", "tun0", "mtu", "1400", "up"], check=True)
    subprocess.run(["ip", "route", "add", remote, "dev", "tun0"], check=True)
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind((address, int(port)))
    flipped = bytes(range(255, -1, -1))
    while True:
        ready, _, _ = select.select([tunnel, outside], [], [])
        if tunnel in ready:
            outside.sendto(os.read(tunnel, 2048).translate(flipped), (peer, int(port)))  # answers
        if outside in ready:
            try:
                os.write(tunnel, outside.recv(2048).translate(flipped))
            except OSError:
                pass  # no packet
