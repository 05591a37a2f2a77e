"""Ordinary traffic that looks like failures to a careless eye: both ends of it, for a live soak.

Arguments: `serve`, or `dial SECONDS OLDER` with a JSON plan as stdin:
{"pod": ip, "service": [ip, port], "node": ip, "outside": ip, "resolver": ip, "name": name}
`dial` first opens a connection that is older than the trace, waits for the file OLDER to be there, then goes through
all patterns again and again, and prints how often each was played, as JSON.
"""
import json
import os
import random
import selectors
import socket
import struct
import sys
import time

import dns

CLOSES_WELL, CLOSES_FIRST, LEAVES_UNREAD, HALF_CLOSES, HANGS_UP = 9001, 9002, 9003, 9004, 9005
SINK, SYSLOG = 8125, 514
SCANNED = range(1, 31)
LINGER_0 = struct.pack("ii", 1, 0)


def serve():
    selector = selectors.DefaultSelector()
    for port in (CLOSES_WELL, CLOSES_FIRST, LEAVES_UNREAD, HALF_CLOSES, HANGS_UP):
        listener = socket.create_server(("", port), backlog=64)
        selector.register(listener, selectors.EVENT_READ, port)
    for port in (SINK, SYSLOG):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind(("", port))
        selector.register(sink, selectors.EVENT_READ, port)
    print("ready", flush=True)
    while True:
        for key, _events in selector.select():
            if key.data in (SINK, SYSLOG):
                key.fileobj.recv(2000)
            elif os.fork() == 0:
                connection, _address = key.fileobj.accept()
                connection.settimeout(600)
                try:
                    handle(connection, key.data)
                finally:
                    os._exit(0)
            else:
                # The child accepts; once it has, there is nothing to read here.
                time.sleep(0.02)
                reap()


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def handle(connection, port):
    if port == CLOSES_FIRST:
        connection.sendall(b"bye\n")
    elif port == HANGS_UP:
        connection.close()
    elif port == LEAVES_UNREAD:
        time.sleep(0.2)  # until what it will not read, and the client's FIN, are there
    elif port == HALF_CLOSES:
        while connection.recv(2000):
            pass
        time.sleep(1)
        connection.sendall(b"at last\n")
    else:
        while True:
            word = connection.recv(2000)
            if not word:
                break
            connection.sendall(word)
    connection.close()


class Dialler:
    def __init__(self, plan):
        self.plan = plan

    def tcp(self, port, ip=None):
        return socket.create_connection((ip or self.plan["pod"], port), timeout=20)

    def closes_well(self):
        with self.tcp(CLOSES_WELL) as s:
            s.sendall(b"hello\n")
            s.recv(100)

    def server_closes_first(self):
        with self.tcp(CLOSES_FIRST) as s:
            while s.recv(100):
                pass

    def server_leaves_unread(self):
        with self.tcp(LEAVES_UNREAD) as s:
            s.sendall(b"x" * 100)
            s.shutdown(socket.SHUT_WR)
            try:
                s.recv(100)
            except ConnectionResetError:
                pass

    def half_close(self):
        with self.tcp(HALF_CLOSES) as s:
            s.sendall(b"x")
            s.shutdown(socket.SHUT_WR)
            s.recv(100)

    def late_word(self):
        with self.tcp(HANGS_UP) as s:
            time.sleep(0.1)  # its FIN is there
            try:
                s.sendall(b"x")
                time.sleep(0.05)
                s.sendall(b"x")
            except (BrokenPipeError, ConnectionResetError):
                pass

    def impatient(self):
        s = self.tcp(CLOSES_WELL)
        s.sendall(b"x")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        s.close()

    def unread_by_client(self):
        s = self.tcp(CLOSES_WELL)
        s.sendall(b"hello\n")
        time.sleep(0.05)
        s.close()  # with the answer unread: RST

    def tcp_probe(self):
        self.tcp(CLOSES_WELL).close()

    def balancer_probe(self):
        s = self.tcp(CLOSES_WELL)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        s.close()

    def kept_alive(self):
        ip, port = self.plan["service"]
        with socket.create_connection((ip, port), timeout=20) as s:
            for _ in range(3):
                s.sendall(b"GET /ping HTTP/1.1\r\nHost: ordinary.example\r\n\r\n")
                time.sleep(0.05)
                s.recv(4000)

    def client_aborts_after_answer(self):
        ip, port = self.plan["service"]
        s = socket.create_connection((ip, port), timeout=20)
        s.sendall(b"GET /ping HTTP/1.1\r\nHost: ordinary.example\r\n\r\n")
        s.recv(4000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        s.close()

    def port_scan(self):
        for port in SCANNED:
            try:
                socket.create_connection((self.plan["node"], port), timeout=2).close()
            except OSError:
                pass

    def udp(self, ip, port, word, answer=False):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.settimeout(3)
            s.sendto(word, (ip, port))
            return s.recv(2000) if answer else b""

    def statsd(self):
        self.udp(self.plan["pod"], SINK, b"hits:1|c")

    def syslog(self):
        self.udp(self.plan["outside"], SYSLOG, b"<13>ordinary: all is well")

    def multicast_name(self):
        self.udp("224.0.0.251", 5353, dns.query(0, "printer.local", "A"))

    def broadcast(self):
        self.udp("255.255.255.255", 67, b"\0" * 240)

    def look_up(self):
        name = self.plan["name"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(3)
            for identifier, kind in enumerate(("A", "AAAA")):
                s.sendto(dns.query(random.randrange(1, 30000) * 2 + identifier, name, kind), (self.plan["resolver"], 53))
            s.recv(2000)
            s.recv(2000)

    def hangs_up_on_resolver(self):
        # Asked twice, as by one who has waited; gone after the first answer.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(3)
            word = dns.query(random.randrange(1, 60000), self.plan["name"], "A")
            s.sendto(word, (self.plan["resolver"], 53))
            s.sendto(word, (self.plan["resolver"], 53))
            s.recv(2000)

    def ping(self):
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
            head = struct.pack("!BBHHH", 8, 0, 0, random.randrange(1, 60000), 1)
            total = sum(struct.unpack("!4H", head))
            check = ~((total >> 16) + total & 0xFFFF) & 0xFFFF
            s.settimeout(3)
            s.sendto(head[:2] + struct.pack("!H", check) + head[4:], (self.plan["pod"], 0))
            s.recv(2000)

    def patterns(self):
        return [getattr(self, name) for name in vars(Dialler) if name not in ("tcp", "udp", "patterns") and name[0] != "_"]


def dial(seconds, older):
    plan = json.load(sys.stdin)
    dialler = Dialler(plan)
    idle = dialler.tcp(CLOSES_WELL)
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    while not os.path.exists(older):
        time.sleep(0.05)
    # Held until the end, and cut off by it.
    held = dialler.tcp(CLOSES_WELL)
    played = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pattern in dialler.patterns():
            pattern()
            played[pattern.__name__] = played.get(pattern.__name__, 0) + 1
            time.sleep(0.02)
    idle.close()
    print(json.dumps(played), flush=True)
    # The trace ends before it does.
    time.sleep(60)
    held.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        dial(float(sys.argv[2]), sys.argv[3])
