"""The lab's clients: dials what stdin asks for and tells, for each attempt, what it saw.

stdin: {"together": bool, "dials": [{"netns", "name", "protocol", "source": {"ip", "port"}, "to": {"ip", "port"},
"ask": host or DNS name, "until": server or "", "attempts", "timeoutMs"}]}
stdout: [[attempt, ...], ...], an attempt being {"from": {"ip", "port"}, "outcome", "error", "peer", "server",
"rcode", "addresses"}.
"""
import errno
import json
import os
import select
import socket
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
    if plan["together"]:
        clients = [open_client(dial) for dial in plan["dials"]]
        json.dump([[client.finish()] for client in clients], sys.stdout)
    else:
        json.dump([attempts(dial) for dial in plan["dials"]], sys.stdout)


def attempts(dial):
    done = []
    for _ in range(dial["attempts"]):
        done.append(open_client(dial).finish())
        # Another backend answered: try again. Who is refused would be again.
        if done[-1].get("server", dial["until"]) == dial["until"] or not dial["until"]:
            break
    return done


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
        host = self.dial["ask"] or self.dial["to"]["ip"]
        self.sock.send(f"GET /ping HTTP/1.1\r\nHost: {host}\r\nUser-Agent: nathop-lab\r\n\r\n".encode())
        received = b""
        while True:
            self.wait(select.POLLIN)
            chunk = self.sock.recv(4096)
            if not chunk:
                break
            received += chunk
        self.result.update(json.loads(received.partition(b"\r\n\r\n")[2]), outcome="answered")


class UdpClient(Client):
    def __init__(self, dial):
        super().__init__(dial, socket.SOCK_DGRAM)

    def start(self):
        self.bind()
        self.connect()
        self.sock.send(dns.query(os.getpid() & 0xFFFF, self.dial["ask"]))

    def exchange(self):
        self.wait(select.POLLIN)
        rcode, addresses, note = dns.read_answer(self.sock.recv(4096))
        self.result.update(json.loads(note), outcome="answered", rcode=rcode, addresses=addresses)


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
