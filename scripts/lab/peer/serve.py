"""The lab's servers: one forked child for each, in its own namespace and under its own name.

stdin: {"servers": [{"netns", "name", "tcp", "udp", "sctp": [ports]} or
                    {"netns", "name", "program", "files": {name: text}, "commands": [[word, ...], ...]}]}
TCP ports answer any HTTP request, with the status that a path /status/N names; /reset breaks the connection off, /later is
answered after two and a half seconds, and /silence never. UDP ports any DNS query, SCTP ports
open and close; all tell the source address they saw, and the HTTP ones what the request carried besides. The others
are real programs: their commands run with a /tmp of their own that holds their files, and leave a daemon behind.
Ends, with status 0, once every child listens; the children go on until they are killed. If it is killed before, or
one child fails, all children die with it; whoever called it ends the daemons, by their namespaces.
"""
import json
import os
import selectors
import socket
import struct
import sys
import threading

import dns
import namespace
import sctp


def main():
    plan = json.load(sys.stdin)
    children = [start(server) for server in plan["servers"]]
    for server, channel in zip(plan["servers"], children):
        said = channel.recv(1000)
        if said != b"ready":
            sys.exit(f"server {server['name']}: {said.decode() or 'ended at once'}")
    for channel in children:
        channel.send(b"go")
        channel.recv(1)  # until it has closed its end: from then on it outlives us


def start(server):
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    if os.fork() == 0:
        ours.close()
        namespace.die_with_parent(parent)
        run_child(server, theirs)
    theirs.close()
    return ours


def run_child(server, channel):
    os.setsid()  # a Ctrl-C meant for the lab's runner must not reach it
    try:
        namespace.enter(server["netns"])
        selector = run_commands(server) if "commands" in server else listen_on_all(server)
    except OSError as error:
        channel.send(str(error).encode())
        os._exit(1)
    namespace.detach_output()
    channel.send(b"ready")
    channel.recv(10)
    namespace.outlive_parent()
    channel.close()
    while selector.get_map():
        for key, _events in selector.select():
            key.data(key.fileobj)
    os._exit(0)


def run_commands(server):
    """The daemon that they leave is no child of ours: there is nothing to wait for."""
    namespace.private_tmp()
    os.chdir("/tmp")
    for path, text in server["files"].items():
        with open(path, "w") as file:
            file.write(text)
    output = os.open("output", os.O_CREAT | os.O_RDWR)
    into = [(os.POSIX_SPAWN_DUP2, output, fd) for fd in (1, 2)]
    for command in server["commands"]:
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        status = os.waitpid(os.posix_spawnp(command[0], command, path, file_actions=into), 0)[1]
        if status != 0:
            said = os.pread(output, 500, 0).decode(errors="replace").strip().splitlines()
            raise OSError(f"{command[0]}: {said[-1] if said else f'status {status}'}")
    return selectors.DefaultSelector()


def listen_on_all(server):
    namespace.rename(server["name"])
    selector = selectors.DefaultSelector()
    for port in server["tcp"]:
        listener = listen(socket.SOCK_STREAM, port)
        selector.register(listener, selectors.EVENT_READ, lambda s: accept(selector, s, server["name"]))
    for port in server["udp"]:
        sock = listen(socket.SOCK_DGRAM, port)
        selector.register(sock, selectors.EVENT_READ, lambda s: answer_query(s, server["name"]))
    for port in server["sctp"]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, sctp.PROTOCOL)
        peer = sctp.Server(port, lambda client: note(client, server["name"]))
        selector.register(sock, selectors.EVENT_READ, lambda s, peer=peer: answer_sctp(s, peer))
    return selector


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
    received = bytearray()

    def on_bytes(sock):
        try:
            chunk = sock.recv(4096)
            received.extend(chunk)
            if chunk and answer_all(sock, received, peer, name):
                return
        except (OSError, ValueError):  # it is gone, or speaks no HTTP
            pass
        selector.unregister(sock)
        sock.close()

    selector.register(connection, selectors.EVENT_READ, on_bytes)


def answer_all(sock, received, peer, name):
    """Answer what is complete, in its order; whether the connection is to be kept."""
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        received[:] = rest
        start, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = start.split(" ")
        headers = [(key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
        if path == "/reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if path == "/large":  # all of it in one segment of some 1,400 bytes
            headers = [*headers, ("host", "x" * 1000)]
        if path == "/silence":
            continue
        keep = version == "HTTP/1.1" and ("connection", "close") not in headers
        answer_head, body = http_answer(path, headers, note(peer, name), keep)
        if path == "/later":
            threading.Timer(2.5, sock.send, [answer_head + body]).start()
            continue
        sock.send(answer_head if method == "HEAD" else answer_head + body)
        if not keep:
            return False
    return True


def note(peer, name):
    return {"peer": namespace.endpoint(peer), "server": name}


TOLD = ("host", "x-forwarded-for", "x-real-ip", "forwarded", "x-request-id")


def http_answer(path, headers, note, keep):
    status = path.removeprefix("/status/") if path.startswith("/status/") else "200"
    received = [[key, value] for key, value in headers if key in TOLD]
    body = json.dumps({**note, "received": received}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {int(status)} {REASONS.get(status, 'As asked')}\r\nContent-Type: application/json\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


REASONS = {"200": "OK", "401": "Unauthorized", "404": "Not Found"}


def answer_query(sock, name):
    try:
        request, peer = sock.recvfrom(4096)
        sock.sendto(dns.answer(request, json.dumps(note(peer, name))), peer)
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
