"""As many TCP connections and requests as it can, for benches.

load.py serve: stdin {"netns", "port", "processes"}; ends once its forked children listen.
load.py dial:  stdin {"netns", "to": {"ip", "port"}, "seconds", "concurrency", "requests"};
               stdout {"connections", "requests", "failed", "seconds"}.

`requests` is how many HTTP/1.1 requests each connection carries, one after another's answer; without it a connection
carries one "ping" and its "pong". The server answers in kind and closes after the last.
"""
import json
import os
import select
import socket
import sys
import time

import namespace

STALLED_SECONDS = 3  # a connection whose next answer takes longer counts as failed

REQUEST = b"GET /load HTTP/1.1\r\nHost: load\r\n\r\n"
LAST_REQUEST = b"GET /load HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n"
# A request, and what it is answered with.
ANSWERS = {
    b"ping": b"pong",
    REQUEST: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npong\n",
    LAST_REQUEST: b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\npong\n",
}
LONGEST = 256  # bytes, of either


def serve(plan):
    namespace.enter(plan["netns"])
    listeners = [listen(plan["port"]) for _ in range(plan["processes"])]
    for listener in listeners:
        if os.fork() == 0:
            os.setsid()
            namespace.rename("load-server")
            namespace.detach_output()
            answer(listener)


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # A connection is handed over with its request already there: no waiting for it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(4096)
    return listener


def answer(listener):
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    kept = {}
    while True:
        for fd, _events in poller.poll():
            try:
                connection = kept.get(fd) or listener.accept()[0]
            except OSError:
                continue
            if answer_one(connection):
                if fd not in kept:
                    kept[connection.fileno()] = connection
                    poller.register(connection.fileno(), select.EPOLLIN)
            else:
                kept.pop(fd, None)
                connection.close()  # closing takes it out of the epoll set


def answer_one(connection):
    """Whether another request will follow on this connection."""
    try:
        request = connection.recv(LONGEST)
        if request in ANSWERS:
            connection.send(ANSWERS[request])
        return request == REQUEST
    except OSError:
        return False


class Load:
    def __init__(self, to, concurrency, requests):
        self.to = to
        self.concurrency = concurrency
        self.script = [b"ping"] if requests is None else [REQUEST] * (requests - 1) + [LAST_REQUEST]
        self.poller = select.epoll()
        self.open = {}
        self.done = self.answered = self.failed = 0

    def run(self, seconds):
        begun = time.monotonic()
        until = begun + seconds
        next_check = begun + STALLED_SECONDS
        while (now := time.monotonic()) < until:
            while len(self.open) < self.concurrency:
                self.dial(now)
            for fd, _events in self.poller.poll(0.2):
                self.step(fd, now)
            if now > next_check:
                self.drop_stalled(now)
                next_check = now + STALLED_SECONDS
        return time.monotonic() - begun

    def dial(self, now):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(self.to)
        except BlockingIOError:
            pass
        self.open[sock.fileno()] = [sock, now, 0]
        self.poller.register(sock.fileno(), select.EPOLLOUT)

    def step(self, fd, now):
        entry = self.open[fd]
        sock, _since, sent = entry
        try:
            if sent == 0:
                self.poller.modify(fd, select.EPOLLIN)
            elif sock.recv(LONGEST):
                self.answered += 1
            else:
                raise ConnectionError
            if sent < len(self.script):
                sock.send(self.script[sent])
                entry[1:] = now, sent + 1
                return
            self.done += 1
        except OSError:
            self.failed += 1
        self.close(fd)

    def drop_stalled(self, now):
        for fd in [fd for fd, entry in self.open.items() if now - entry[1] > STALLED_SECONDS]:
            self.failed += 1
            self.close(fd)

    def close(self, fd):
        self.open.pop(fd)[0].close()  # closing takes it out of the epoll set


def dial(plan):
    namespace.enter(plan["netns"])
    namespace.rename("load-client")
    load = Load((plan["to"]["ip"], plan["to"]["port"]), plan["concurrency"], plan.get("requests"))
    seconds = load.run(plan["seconds"])
    report = {
        "connections": load.done,
        "requests": load.answered,
        "failed": load.failed,
        "seconds": seconds,
    }
    json.dump(report, sys.stdout)


{"serve": serve, "dial": dial}[sys.argv[1]](json.load(sys.stdin))
