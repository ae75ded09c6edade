"""Tells its neighbour which network is behind it, and learns the other's."""
import socket
import subprocess
import sys

from routes import add

own, peer, network = sys.argv[1:]
neighbour = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
neighbour.bind((own, 520))
neighbour.settimeout(0.2)
if __name__ == "__main__":
    while True:
        try:
            neighbour.sendto(network.encode(), (peer, 520))  # answers
            add(neighbour.recv(64).decode(), peer)
        except OSError:
            pass
