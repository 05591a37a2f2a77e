"""The lab's clients: dials what stdin asks for and tells, for each attempt, what it met and what the servers saw.

stdin: {"together": bool, "resolvers": [{"netns", "name"}], "dials": [{"netns", "name", "protocol", "source":
{"ip", "port"}, "to": {"ip", "port"}, "ask": host or DNS name, "types": [DNS type], "until": server or "",
"attempts", "timeoutMs", "abort": bool, "lookUp": {"name", "resolver", "search": [domain], "ndots"} or null, "http": {"tls": name or
"", "pipelined": bool, "requests": [{"method", "host", "path", "headers": [[name, value]]}]} or null}]}
stdout: [[attempt, ...], ...], an attempt being {"from": {"ip", "port"}, "outcome", "error", "peer", "server",
"queries", "lookUp", "answers"} as lab.ts has it.
"""
import errno
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time

import dns
import namespace
import sctp

OUTCOMES = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ECONNRESET: "reset",
    errno.ETIMEDOUT: "timeout",
}


def main():
    plan = json.load(sys.stdin)
    logs = [QueryLog(resolver) for resolver in plan["resolvers"]]
    if plan["together"]:
        clients = [open_client(dial) for dial in plan["dials"]]
        json.dump([[client.finish()] for client in clients], sys.stdout)
    else:
        json.dump([attempts(dial, logs) for dial in plan["dials"]], sys.stdout)


def attempts(dial, logs):
    done = []
    for _ in range(dial["attempts"]):
        done.append(attempt(dial, logs))
        # Another backend answered: try again. Who is refused would be again.
        if done[-1].get("server", dial["until"]) == dial["until"] or not dial["until"]:
            break
    return done


def attempt(dial, logs):
    if not dial["lookUp"]:
        result = open_client(dial).finish()
        return {**result, **seen_by(logs, [dial["ask"]])} if dial["protocol"] == "udp" else result
    tries = look_up(dial, logs)
    found = [ip for query in tries[-1].get("queries", []) for ip in query["addresses"]]
    if not found:
        return {"from": {"ip": "", "port": 0}, "outcome": "unresolved", "lookUp": tries}
    result = open_client({**dial, "to": {**dial["to"], "ip": found[0]}}).finish()
    return {**result, "lookUp": tries}


def look_up(dial, logs):
    """As glibc does it: the search list first if the name has few dots, A and AAAA at once, a socket for each try."""
    name, search = dial["lookUp"]["name"], dial["lookUp"]["search"]
    relative = [f"{name}.{domain}" for domain in search]
    names = [*relative, name] if name.count(".") < dial["lookUp"]["ndots"] else [name, *relative]
    tries = []
    for candidate in names:
        to = {"ip": dial["lookUp"]["resolver"], "port": 53}
        no_port = {**dial["source"], "port": 0}
        question = {**dial, "protocol": "udp", "to": to, "source": no_port, "ask": candidate, "types": ["A", "AAAA"]}
        answer = open_client(question).finish()
        tries.append({**answer, "name": candidate, **seen_by(logs, [candidate])})
        if answer["outcome"] != "answered" or any(query["addresses"] for query in answer["queries"]):
            break
    return tries


class QueryLog:
    """What a real resolver (dnsmasq, log-queries=extra) writes from now on of who asked."""

    QUERY = re.compile(r" ([\d.]+)/(\d+) query\[\w+\] (\S+) from ")

    def __init__(self, resolver):
        self.server = resolver["name"]
        inode = os.stat(f"/run/netns/{resolver['netns']}").st_ino
        pid = next(pid for pid in os.listdir("/proc") if pid.isdigit() and is_resolver(pid, inode))
        self.file = open(f"/proc/{pid}/root/tmp/queries.log")
        self.file.seek(0, os.SEEK_END)

    def asked(self, names):
        """The first to ask for one of them since it was read last."""
        asked = [line.groups() for line in map(self.QUERY.search, self.file.readlines()) if line]
        return next(({"ip": ip, "port": int(port)} for ip, port, name in asked if name in names), None)


def is_resolver(pid, inode):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read() == "dnsmasq\n" and os.stat(f"/proc/{pid}/ns/net").st_ino == inode
    except OSError:  # it ended
        return False


def seen_by(logs, names):
    for log in logs:
        peer = log.asked(names)
        if peer:
            return {"server": log.server, "peer": peer}
    return {}


def open_client(dial):
    namespace.enter(dial["netns"])
    namespace.rename(dial["name"])
    return {"tcp": TcpClient, "udp": UdpClient, "icmp": IcmpClient, "sctp": SctpClient}[dial["protocol"]](dial)


class Client:
    """One attempt: the constructor sends the first packet, finish() waits for the answer."""

    def __init__(self, dial, kind, protocol=0):
        self.dial = dial
        self.deadline = time.monotonic() + dial["timeoutMs"] / 1000
        self.sock = socket.socket(namespace.family(dial["to"]["ip"]), kind, protocol)
        self.sock.setblocking(False)
        self.result = {"from": {"ip": "", "port": 0}}
        try:
            self.start()
        except OSError as error:
            self.fail(error.errno)

    def bind(self):
        source = self.dial["source"]
        if source["port"]:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if source["ip"] or source["port"]:
            any_address = "::" if ":" in self.dial["to"]["ip"] else "0.0.0.0"
            self.sock.bind((source["ip"] or any_address, source["port"]))

    def finish(self):
        try:
            if "outcome" not in self.result:
                self.exchange()
        except TimeoutError:
            self.result["outcome"] = "timeout"
        except OSError as error:
            self.fail(error.errno)
        finally:
            if self.dial["abort"]:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        return self.result

    def fail(self, number):
        self.result.update(outcome=OUTCOMES.get(number, "failed"), error=errno.errorcode.get(number, str(number)))

    def wait(self, event):
        poller = select.poll()
        poller.register(self.sock, event)
        if not poller.poll(max(0, (self.deadline - time.monotonic()) * 1000)):
            raise TimeoutError

    def connect(self):
        to = self.dial["to"]
        try:
            self.sock.connect((to["ip"], to["port"]))
        except BlockingIOError:
            pass
        self.result["from"] = namespace.endpoint(self.sock.getsockname())


class TcpClient(Client):
    """HTTP/1.1; over TLS, whose certificate is the lab's own and is not checked, where a name for it is given."""

    def __init__(self, dial):
        super().__init__(dial, socket.SOCK_STREAM)

    def start(self):
        self.bind()
        self.connect()

    def exchange(self):
        self.wait(select.POLLOUT)
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")
        ping = {"method": "GET", "host": self.dial["ask"] or self.dial["to"]["ip"], "path": "/ping", "headers": []}
        http = self.dial["http"] or {"tls": "", "pipelined": False, "requests": [ping]}
        self.sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        if http["tls"]:
            self.sock = no_check().wrap_socket(self.sock, server_hostname=http["tls"])
        answers = self.talk(http)
        self.result["outcome"] = "answered" if answers else "closed"
        if self.dial["http"]:
            self.result["answers"] = answers
        elif answers:
            self.result.update({key: answers[0][key] for key in ("server", "peer") if key in answers[0]})

    def talk(self, http):
        *first, last = http["requests"]
        texts = [request_text(request, "keep-alive") for request in first] + [request_text(last, "close")]
        stream = self.sock.makefile("rb")
        answers = []
        if http["pipelined"]:
            self.sock.sendall(b"".join(texts))
        for request, text in zip(http["requests"], texts):
            if not http["pipelined"]:
                self.sock.sendall(text)
            answer = read_answer(stream, request)
            if answer is None:
                return answers
            answers.append(answer)
        stream.read()  # the server closes first
        return answers


def no_check():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def request_text(request, connection):
    headers = [("Host", request["host"]), ("User-Agent", "nathop-lab"), ("Connection", connection), *request["headers"]]
    lines = [f"{request['method']} {request['path']} HTTP/1.1", *(f"{key}: {value}" for key, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_answer(stream, request):
    """An answer's status, what its body says if a server of the lab wrote it, and what proxies on the way saw."""
    start = stream.readline().decode("latin-1").split(" ")
    if len(start) < 2:
        return None
    headers = []
    while line := stream.readline().strip().decode("latin-1"):
        key, _, value = line.partition(":")
        headers.append((key.lower(), value.strip()))
    length = int(dict(headers).get("content-length", "0"))
    body = b"" if request["method"] == "HEAD" else stream.read(length)
    saw = [value.split(" ") for key, value in headers if key == "lab-saw"]
    answer = {
        "status": int(start[1]),
        # Each adds its line behind those of the ones it asked.
        "saw": [{"server": name, "peer": {"ip": ip, "port": int(port)}} for name, ip, port in reversed(saw)],
    }
    if "lab-proxy-protocol" in dict(headers):
        answer["proxyProtocol"] = dict(headers)["lab-proxy-protocol"]
    told = json.loads(body) if body and dict(headers).get("content-type") == "application/json" else {}
    return {**told, **answer}


class UdpClient(Client):
    """A DNS query of each type, all at once and from one port."""

    def __init__(self, dial):
        super().__init__(dial, socket.SOCK_DGRAM)

    def start(self):
        self.bind()
        self.connect()
        first = int.from_bytes(os.urandom(2), "big") & 0xFFF0
        self.asked = {first + index: kind for index, kind in enumerate(self.dial["types"])}
        for identifier, kind in self.asked.items():
            self.sock.send(dns.query(identifier, self.dial["ask"], kind))

    def exchange(self):
        self.result["queries"] = []
        while self.asked:
            self.wait(select.POLLIN)
            identifier, rcode, addresses, note = dns.read_answer(self.sock.recv(4096))
            kind = self.asked.pop(identifier, None)
            if kind:
                self.result["queries"].append({"type": kind, "rcode": rcode, "addresses": addresses})
            if note:
                self.result.update(json.loads(note))
        self.result["outcome"] = "answered"


class IcmpClient(Client):
    """An echo request (RFC 792); a `port`, asked for or in the result, is its identifier."""

    ECHO_REQUEST, ECHO_REPLY = 8, 0

    def __init__(self, dial):
        super().__init__(dial, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def start(self):
        self.identifier = self.dial["source"]["port"] or int.from_bytes(os.urandom(2), "big") | 1
        self.connect()
        self.result["from"]["port"] = self.identifier
        body = struct.pack("!2H", self.identifier, 1) + b"nathop lab"
        head = struct.pack("!2BH", self.ECHO_REQUEST, 0, 0)
        self.sock.send(head[:2] + struct.pack("!H", checksum(head + body)) + body)

    def exchange(self):
        while True:
            self.wait(select.POLLIN)
            packet = self.sock.recv(4096)
            message = packet[(packet[0] & 15) * 4 :]
            if message[0] == self.ECHO_REPLY and struct.unpack_from("!H", message, 4)[0] == self.identifier:
                self.result["outcome"] = "answered"
                return


class SctpClient(Client):
    def __init__(self, dial):
        super().__init__(dial, socket.SOCK_RAW, sctp.PROTOCOL)

    def start(self):
        to = self.dial["to"]
        self.association = sctp.Association(int.from_bytes(os.urandom(2), "big") | 0x8000, to["port"])
        self.sock.connect((to["ip"], 0))
        self.result["from"] = {"ip": self.sock.getsockname()[0], "port": self.association.sport}
        self.sock.send(self.association.first())

    def exchange(self):
        self.result.update(self.association.run(self.receive(), self.send_and_receive), outcome="answered")
        self.sock.send(self.association.last())

    def send_and_receive(self, packet):
        self.sock.send(packet)
        return self.receive()

    def receive(self):
        while True:
            self.wait(select.POLLIN)
            _sport, dport, tag, _kind, body = sctp.read(self.sock.recv(4096))
            if dport == self.association.sport and tag == self.association.ours:
                return body


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


main()
