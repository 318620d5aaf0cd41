"""A network path with latency and limited bandwidth between two network namespaces, over two TUN devices.

    slow-path.py RATE HOLD QUEUE NEAR FAR       bit/s, ms, bytes, two addresses

Prints `ready PID NEAR-FD FAR-FD`. The namespaces are /proc/PID/fd/NEAR-FD and /proc/PID/fd/FAR-FD while this process runs.
It runs until its standard input closes. Only this process refers to the namespaces, so the kernel removes them and the
devices when it ends or is killed.

In each direction, packets leave in order at RATE, and arrive HOLD ms later. If more than QUEUE bytes wait, a new packet is
dropped, as a router would do. The MTU is the kernel's default for a TUN device, 1500. The kernel passes several TCP segments
as one packet (TSO, with a virtio header), so that Python is fast enough. Such a packet counts as its segments.
"""

import collections
import ctypes
import fcntl
import ipaddress
import os
import select
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP = 0x1
VNET_HEADER = 10


def own_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot create a network namespace: " + os.strerror(ctypes.get_errno()))
    configure(b"lo", "127.0.0.1", "255.0.0.0")
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def configure(name, address, mask):
    def addressed(value):
        return struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFADDR, addressed(address))
        fcntl.ioctl(any_socket, SIOCSIFNETMASK, addressed(mask))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))


def tun(name, address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET_HEADER))
    fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    configure(name, address, "255.255.255.0")
    return fd


def wire_length(packet):
    """Returns the number of bytes on the wire of a packet that may contain several segments."""
    length = len(packet) - VNET_HEADER
    _, kind, headers, segment = struct.unpack_from("=BBHH", packet)
    if kind == 0 or segment == 0:
        return length
    data = length - headers
    return data + headers * -(-data // segment)


class Direction:
    """The packets from one device to the other."""

    def __init__(self, source, sink, rate, hold, queue):
        self.source, self.sink = source, sink
        self.seconds_per_byte, self.hold, self.most_waiting = 8 / rate, hold / 1000, 8 * queue / rate
        self.free_at = 0.0
        self.held = collections.deque()

    def take(self, now):
        while True:
            try:
                packet = os.read(self.source, 70_000)
            except BlockingIOError:
                return
            begins = max(now, self.free_at)
            if begins - now > self.most_waiting:
                continue
            self.free_at = begins + wire_length(packet) * self.seconds_per_byte
            self.held.append((self.free_at + self.hold, packet))

    def release(self, now):
        """Delivers the packets that are due. Returns the time at which the next one is due."""
        while self.held:
            due, packet = self.held[0]
            if due > now:
                return due
            try:
                os.write(self.sink, packet)
            except OSError:
                pass  # IPv6 sends neighbour discovery on a device without IPv6 peers.
            self.held.popleft()
        return float("inf")


def main():
    rate, hold, queue = (float(text) for text in sys.argv[1:4])
    near, far = (str(ipaddress.IPv4Address(text)) for text in sys.argv[4:6])
    near_namespace = own_namespace()
    near_tun = tun(b"path", near)
    far_namespace = own_namespace()
    far_tun = tun(b"path", far)
    # Real-time priority: a real network link does not wait for a CPU.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print("ready", os.getpid(), near_namespace, far_namespace, flush=True)

    directions = [Direction(near_tun, far_tun, rate, hold, queue), Direction(far_tun, near_tun, rate, hold, queue)]
    by_source = {direction.source: direction for direction in directions}
    sources = [0, near_tun, far_tun]
    while True:
        now = time.monotonic()
        due = min(direction.release(now) for direction in directions)
        wait = None if due == float("inf") else max(0.0, due - time.monotonic())
        # The timeout of epoll has only millisecond resolution.
        readable, _, _ = select.select(sources, [], [], wait)
        if 0 in readable and os.read(0, 1) == b"":
            return
        now = time.monotonic()
        for source in readable:
            if source != 0:
                by_source[source].take(now)


main()
