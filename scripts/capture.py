#!/usr/bin/env python3
"""The capturer of packets on a machine that this labrun is no program for, such as the VM of a Mac.

It is called as `labrun _capture` is, does the same with the same ring of the kernel, and says it in the
same way. The reasons are told there: src/evidence/capturer.rs, ring.rs and ring_frame.rs.
"""

import argparse
import base64
import ctypes
import fcntl
import mmap
import os
import select
import socket
import struct
import sys
import threading
import time

# How many bytes of a test are kept, what a packet needs in a file besides its data, and how many bytes
# an event carries.
SIZE, OVERHEAD, CHUNK = 16 << 20, 44, 2250
# Seconds that the kernel may take to hand over what it has counted, and that frames may be on their
# way between two interfaces.
DRAIN, SETTLE = 1.0, 0.02
# Of the ring: the length of a block, how many there are, and the milliseconds until one is handed over.
BLOCK, BLOCKS, RETIRE = 128 * 1024, 128, 4

# linux/if_packet.h, if_arp.h, if_ether.h, sockios.h and sched.h
SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, TPACKET_V3 = 263, 5, 6, 10, 2
TP_STATUS_KERNEL, TP_STATUS_USER, TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0, 1 << 0, 1 << 4, 1 << 6
ETH_P_ALL, ETH_P_8021Q, ARPHRD_ETHER, ARPHRD_LOOPBACK, PACKET_OUTGOING = 3, 0x8100, 1, 772, 4
SIOCGIFNAME, CLONE_NEWNET = 0x8910, 0x40000000
# tpacket_block_desc: block_status, num_pkts, offset_to_first_pkt.
DESCRIPTION, STATUS = struct.Struct("=8x3I"), 8
# tpacket3_hdr: tp_next_offset, tp_sec, tp_nsec, tp_snaplen, tp_len, tp_status, tp_mac, tp_net, tp_vlan_tci,
# tp_vlan_tpid; and of the sockaddr_ll behind it: sll_protocol, sll_ifindex, sll_hatype, sll_pkttype.
FRAME = struct.Struct("=6I2H4xIH10x2x2siHB")

# Called through it, the kernel keeps this thread waiting alone. Python itself has setns since 3.12.
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Ring:
    """What all interfaces of a network namespace, NAME or NAME=PATH, send and receive."""

    def __init__(self, namespace):
        self.node, _, path = namespace.partition("=")
        if path:
            with open(path) as handle:
                check(LIBC.setns(handle.fileno(), CLONE_NEWNET))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        request = struct.pack("7I", BLOCK, BLOCKS, 2048, BLOCK // 2048 * BLOCKS, RETIRE, 0, 0)
        check(LIBC.setsockopt(self.socket.fileno(), SOL_PACKET, PACKET_RX_RING, request, len(request)))
        self.blocks = mmap.mmap(self.socket.fileno(), BLOCK * BLOCKS)
        self.block = self.seen = self.counted = self.dropped = 0
        # The numbers of the frames that are wanted: from here, and before there.
        self.first = self.end = 0
        self.names = {}
        # Python itself binds to a single interface only.
        address = struct.pack("=HHi12x", socket.AF_PACKET, socket.htons(ETH_P_ALL), 0)
        check(LIBC.bind(self.socket.fileno(), address, len(address)))

    def count(self):
        """How many frames the kernel has put into the ring by now, and dropped because it was full."""
        frames, dropped, _ = struct.unpack("3I", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
        self.counted += frames - dropped
        self.dropped += dropped
        return self.counted, self.dropped

    def left(self):
        """How many wanted frames are still to come."""
        return max(self.end - self.seen, 0)

    def packets(self):
        """The wanted ones of the frames that are there: time, place, whether sent, data, length."""
        for _ in range(BLOCKS):
            start = self.block * BLOCK
            status, count, at = DESCRIPTION.unpack_from(self.blocks, start)
            if not status & TP_STATUS_USER:
                return
            at += start
            for _ in range(count):
                fields = FRAME.unpack_from(self.blocks, at)
                if self.first <= self.seen < self.end:
                    yield self.packet(at, *fields)
                self.seen += 1
                at += fields[0]
            struct.pack_into("=I", self.blocks, start + STATUS, TP_STATUS_KERNEL)
            self.block = (self.block + 1) % BLOCKS

    def packet(self, at, _, sec, nsec, snaplen, length, status, mac, net, tci, tpid, protocol, index, hardware, kind):
        ethernet = hardware in (ARPHRD_ETHER, ARPHRD_LOOPBACK)
        begin = mac if ethernet else min(net, mac + snaplen)
        data = self.blocks[at + begin : at + mac + snaplen]
        tag = b""
        if status & TP_STATUS_VLAN_VALID:
            tag = struct.pack(">2H", tpid if status & TP_STATUS_VLAN_TPID_VALID else ETH_P_8021Q, tci & 0xFFFF)
        whole = data[:12] + tag + data[12:] if ethernet else bytes(12) + tag + protocol + data
        length += len(whole) - len(data) - (begin - mac)
        return sec * 1_000_000_000 + nsec, (self.node, self.name(index)), kind == PACKET_OUTGOING, whole, length

    def name(self, index):
        if index not in self.names:
            try:
                answer = fcntl.ioctl(self.socket, SIOCGIFNAME, struct.pack("16si20x", b"", index))
                self.names[index] = answer[:16].split(b"\0")[0].decode(errors="replace")
            except OSError:
                self.names[index] = "if%d" % index
        return self.names[index]


class Capture:
    """A pcapng file (draft-ietf-opsawg-pcapng), written by `write` as it comes."""

    def __init__(self, write):
        self.write = write
        self.interfaces = {}
        self.block(0x0A0D0D0A, struct.pack("<IHHQ", 0x1A2B3C4D, 1, 0, (1 << 64) - 1))

    def block(self, kind, body, *options):
        for option, value in options:
            body += struct.pack("<2H", option, len(value)) + value + bytes(-len(value) % 4)
        if options:
            body += bytes(4)
        length = struct.pack("<I", len(body) + 12)
        self.write(struct.pack("<I", kind) + length + body + length)

    def interface(self, place):
        if place not in self.interfaces:
            self.interfaces[place] = len(self.interfaces)
            node, link = place
            name = link if node == "global" else node + "/" + link
            self.block(1, struct.pack("<2HI", 1, 0, 0), (2, name.encode()), (9, b"\x09"))
        return self.interfaces[place]

    def packet(self, when, place, sent, data, length):
        head = struct.pack("<5I", self.interface(place), when >> 32, when & 0xFFFFFFFF, len(data), length)
        self.block(6, head + data + bytes(-len(data) % 4), (2, struct.pack("<I", 2 if sent else 1)))

    def finish(self, lost, left_out):
        if lost or left_out:
            self.interfaces or self.interface(("global", "any"))
            comment = [(1, b"packets left out: %d" % left_out)] if left_out else []
            self.block(5, bytes(12), *comment, (7, struct.pack("<Q", lost)))


class Capturer:
    def __init__(self, namespaces):
        self.rings, self.trouble = {}, []
        threads = [threading.Thread(target=self.open, args=(namespace,)) for namespace in namespaces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.trouble:
            sys.exit(self.trouble[0])
        self.poll = select.poll()
        for descriptor in [0, *(ring.socket.fileno() for ring in self.rings.values())]:
            self.poll.register(descriptor, select.POLLIN)
        self.kept, self.size, self.left_out = [], 0, 0

    def open(self, namespace):
        # A thread of its own, as it may move to another namespace; several, as the kernel takes its time.
        try:
            ring = Ring(namespace)
            self.rings[ring.node] = ring
        except OSError as error:
            self.trouble.append("cannot capture in %s: %s" % (namespace.partition("=")[0], error))

    def keep(self, packet):
        self.size += len(packet[3]) + OVERHEAD
        if self.size > SIZE:
            self.left_out += 1
        else:
            self.kept.append(packet)

    def read(self, take):
        for ring in self.rings.values():
            for packet in ring.packets():
                take(packet)

    def begin(self, nodes):
        for node, ring in self.rings.items():
            ring.first, ring.lost = ring.count()
            ring.end = sys.maxsize if node in nodes else 0
        self.kept, self.size, self.left_out = [], 0, 0

    def end(self, take):
        """Reads all up to now; how many frames never came."""
        lost, deadline = 0, time.monotonic() + DRAIN
        for ring in self.rings.values():
            if ring.end:
                ring.end, dropped = ring.count()
                lost += dropped - ring.lost
        self.read(take)
        while sum(ring.left() for ring in self.rings.values()) and time.monotonic() < deadline:
            time.sleep(0.001)
            self.read(take)
        lost += sum(ring.left() for ring in self.rings.values())
        for ring in self.rings.values():
            ring.end = 0
        return lost

    def session(self):
        commands = b""
        while True:
            ready = dict(self.poll.poll())
            self.read(self.keep)
            if 0 not in ready:
                continue
            data = os.read(0, 4096)
            if not data:
                return
            *lines, commands = (commands + data).split(b"\n")
            for line in lines:
                command, *nodes = line.decode().split(" ")
                settle()
                if command == "begin":
                    self.begin(nodes)
                    event("begun", "")
                else:
                    self.hand_over()

    def hand_over(self):
        lost = self.end(self.keep)
        file = bytearray()
        capture = Capture(file.extend)
        for packet in sorted(self.kept, key=lambda packet: packet[0]):
            capture.packet(*packet)
        capture.finish(lost, self.left_out)
        for at in range(0, len(file), CHUNK):
            data = base64.b64encode(file[at : at + CHUNK]).decode()
            event("output", ',"stream":"capture","data":"%s"' % data)
        event("captured", ',"packets":%d,"lost":%d,"left_out":%d' % (len(self.kept), lost, self.left_out))
        self.begin([])

    def live(self):
        output = open(1, "wb", closefd=False)
        capture = Capture(output.write)
        output.flush()
        self.begin(self.rings)
        while not (0 in dict(self.poll.poll()) and not os.read(0, 4096)):
            self.read(lambda packet: capture.packet(*packet))
            output.flush()
        lost = self.end(lambda packet: capture.packet(*packet))
        capture.finish(lost, 0)
        output.flush()


def event(name, fields):
    # Others write to the same pipe, so it is one write.
    os.write(1, ('{"event":"%s","time":%.6f%s}\n' % (name, time.time(), fields)).encode())


def settle():
    """Waits until no frame is in the queue of a processor (field 12), where nobody has seen it yet."""
    deadline = time.monotonic() + SETTLE
    while time.monotonic() < deadline:
        try:
            with open("/proc/net/softnet_stat") as queues:
                if not any(int(line.split()[11], 16) for line in queues):
                    return
        except (OSError, IndexError):
            return
        time.sleep(0.0002)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="version", version="labrun's capturer")
    parser.add_argument("verb", choices=["_capture"])
    parser.add_argument("--namespace", action="append", required=True)
    parser.add_argument("--live", action="store_true")
    options = parser.parse_args()
    capturer = Capturer(options.namespace)
    try:
        capturer.live() if options.live else capturer.session()
    except BrokenPipeError:
        # Whoever was reading has seen enough. Nor may the interpreter try to write the rest.
        os._exit(0)


main()
