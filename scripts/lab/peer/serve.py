"""The lab's servers: one forked child for each, in its own namespace and under its own name.

stdin: {"zone": {name: ip}, "servers": [{"netns", "name", "tcp", "udp", "sctp": [ports]}]}
TCP ports answer any HTTP request, UDP ports any DNS query, SCTP ports open and close; all tell the source address
they saw. Ends, with
status 0, once every child listens; the children go on until they are killed. If it is killed before, or one
child fails, all children die with it.
"""
import json
import os
import selectors
import socket
import struct
import sys

import dns
import namespace
import sctp


def main():
    plan = json.load(sys.stdin)
    children = [start(server, plan["zone"]) for server in plan["servers"]]
    for server, channel in zip(plan["servers"], children):
        said = channel.recv(1000)
        if said != b"ready":
            sys.exit(f"server {server['name']}: {said.decode() or 'ended at once'}")
    for channel in children:
        channel.send(b"go")
        channel.recv(1)  # until it has closed its end: from then on it outlives us


def start(server, zone):
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    if os.fork() == 0:
        ours.close()
        namespace.die_with_parent(parent)
        run_child(server, zone, theirs)
    theirs.close()
    return ours


def run_child(server, zone, channel):
    os.setsid()  # a Ctrl-C meant for the lab's runner must not reach it
    try:
        namespace.enter(server["netns"])
        namespace.rename(server["name"])
        selector = selectors.DefaultSelector()
        for port in server["tcp"]:
            listener = listen(socket.SOCK_STREAM, port)
            selector.register(listener, selectors.EVENT_READ, lambda s: accept(selector, s, server["name"]))
        for port in server["udp"]:
            sock = listen(socket.SOCK_DGRAM, port)
            selector.register(sock, selectors.EVENT_READ, lambda s: answer_query(s, zone, server["name"]))
        for port in server["sctp"]:
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, sctp.PROTOCOL)
            peer = sctp.Server(port, lambda client: note(client, server["name"]))
            selector.register(sock, selectors.EVENT_READ, lambda s, peer=peer: answer_sctp(s, peer))
    except OSError as error:
        channel.send(str(error).encode())
        os._exit(1)
    namespace.detach_output()
    channel.send(b"ready")
    channel.recv(10)
    namespace.outlive_parent()
    channel.close()
    while True:
        for key, _events in selector.select():
            key.data(key.fileobj)


def listen(kind, port):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # scenario S4 also dials from this port
    sock.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(256)
    sock.setblocking(False)
    return sock


def accept(selector, listener, name):
    try:
        connection, peer = listener.accept()
    except OSError:  # gone before we took it
        return
    connection.setblocking(False)
    head = bytearray()

    def on_bytes(sock):
        try:
            received = sock.recv(4096)
            head.extend(received)
            if received and b"\r\n\r\n" not in head:
                return
            if received:
                sock.send(http_answer(peer, name))
        except OSError:
            pass
        selector.unregister(sock)
        sock.close()

    selector.register(connection, selectors.EVENT_READ, on_bytes)


def note(peer, name):
    return {"peer": namespace.endpoint(peer), "server": name}


def http_answer(peer, name):
    body = json.dumps(note(peer, name)) + "\n"
    return (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer_query(sock, zone, name):
    try:
        request, peer = sock.recvfrom(4096)
        sock.sendto(dns.answer(request, zone, json.dumps(note(peer, name))), peer)
    except (OSError, IndexError, UnicodeDecodeError, struct.error):  # not a query, or its sender is gone
        pass


def answer_sctp(sock, server):
    try:
        packet, peer = sock.recvfrom(4096)
        reply = server.answer(packet, peer[0])
        if reply:
            sock.sendto(reply, (peer[0], 0))
    except (OSError, IndexError, struct.error):  # not an SCTP packet, or no way back
        pass


main()
