"""As many short TCP connections as it can, for benches: one request, one answer, closed.

load.py serve: stdin {"netns", "port", "processes"}; ends once its forked children listen.
load.py dial:  stdin {"netns", "to": {"ip", "port"}, "seconds", "concurrency"};
               stdout {"connections", "failed", "seconds"}.
"""
import json
import os
import select
import socket
import sys
import time

import namespace

STALLED_SECONDS = 3  # a connection that takes longer counts as failed


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
    while True:
        try:
            connection = listener.accept()[0]
            connection.recv(64)
            connection.send(b"pong")
            connection.close()
        except OSError:
            pass


class Load:
    def __init__(self, to, concurrency):
        self.to = to
        self.concurrency = concurrency
        self.poller = select.epoll()
        self.open = {}
        self.done = self.failed = 0

    def run(self, seconds):
        begun = time.monotonic()
        until = begun + seconds
        next_check = begun + STALLED_SECONDS
        while (now := time.monotonic()) < until:
            while len(self.open) < self.concurrency:
                self.dial(now)
            for fd, _events in self.poller.poll(0.2):
                self.step(fd)
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
        self.open[sock.fileno()] = [sock, now, False]
        self.poller.register(sock.fileno(), select.EPOLLOUT)

    def step(self, fd):
        entry = self.open[fd]
        sock = entry[0]
        try:
            if not entry[2]:
                sock.send(b"ping")
                entry[2] = True
                self.poller.modify(fd, select.EPOLLIN)
                return
            if sock.recv(64):
                self.done += 1
            else:
                self.failed += 1
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
    load = Load((plan["to"]["ip"], plan["to"]["port"]), plan["concurrency"])
    seconds = load.run(plan["seconds"])
    json.dump({"connections": load.done, "failed": load.failed, "seconds": seconds}, sys.stdout)


{"serve": serve, "dial": dial}[sys.argv[1]](json.load(sys.stdin))
