"""An SCTP association's packets (RFC 9260) over raw sockets: opening and closing, no data.

Not every kernel has SCTP sockets, but all track and translate SCTP. The server's state cookie carries, for the
client to read, who answered and the source address it saw.
"""
import json
import os
import struct

PROTOCOL = 132
INIT, INIT_ACK, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 1, 2, 7, 8, 10, 11, 14
STATE_COOKIE = 7


def packet(sport, dport, tag, kind, body=b""):
    padding = b"\x00" * (-len(body) % 4)
    chunk = struct.pack("!BBH", kind, 0, 4 + len(body)) + body + padding
    head = struct.pack("!HHI", sport, dport, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def read(ip_packet):
    """(source port, destination port, verification tag, first chunk's kind, its body)"""
    at = (ip_packet[0] & 15) * 4
    sport, dport, tag = struct.unpack_from("!HHI", ip_packet, at)
    kind, _flags, length = struct.unpack_from("!BBH", ip_packet, at + 12)
    return sport, dport, tag, kind, ip_packet[at + 16 : at + 12 + length]


def init_body(tag, cookie=b""):
    parameter = struct.pack("!HH", STATE_COOKIE, 4 + len(cookie)) + cookie if cookie else b""
    return struct.pack("!IIHHI", tag, 65536, 1, 1, tag) + parameter


def new_tag():
    return int.from_bytes(os.urandom(4), "big") | 1


class Server:
    def __init__(self, port, note):
        self.port = port
        self.note = note
        self.peers = {}

    def answer(self, ip_packet, peer_ip):
        """The packet to send back, if any."""
        sport, dport, _tag, kind, body = read(ip_packet)
        if dport != self.port:
            return None
        peer = (peer_ip, sport)
        if kind == INIT:
            theirs, ours = struct.unpack_from("!I", body)[0], new_tag()
            self.peers[peer] = theirs
            cookie = json.dumps(self.note(peer)).encode()
            return packet(self.port, sport, theirs, INIT_ACK, init_body(ours, cookie))
        replies = {COOKIE_ECHO: COOKIE_ACK, SHUTDOWN: SHUTDOWN_ACK}
        if kind in replies and peer in self.peers:
            return packet(self.port, sport, self.peers[peer], replies[kind])
        if kind == SHUTDOWN_COMPLETE:
            self.peers.pop(peer, None)
        return None


class Association:
    """The client's side: `exchange(packet)` sends one packet and gives the next that comes back."""

    def __init__(self, sport, dport):
        self.sport, self.dport = sport, dport
        self.ours, self.theirs = new_tag(), 0

    def first(self):
        return packet(self.sport, self.dport, 0, INIT, init_body(self.ours))

    def run(self, init_ack, exchange):
        """Opens and closes the association; gives the server's note."""
        self.theirs = struct.unpack_from("!I", init_ack)[0]
        cookie = init_ack[20:]
        exchange(self.next(COOKIE_ECHO, cookie))
        exchange(self.next(SHUTDOWN, struct.pack("!I", self.theirs - 1 & 0xFFFFFFFF)))
        return json.loads(cookie)

    def last(self):
        return self.next(SHUTDOWN_COMPLETE)

    def next(self, kind, body=b""):
        return packet(self.sport, self.dport, self.theirs, kind, body)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _entry(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = [_entry(number) for number in range(256)]
