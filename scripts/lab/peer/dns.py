"""Just enough DNS (RFC 1035) to ask for an address and to answer it.

The answer carries, as a TXT record in its additional section, who answered and the source address it saw.
"""
import socket
import struct

A, TXT, AAAA, IN = 1, 16, 28, 1
TYPES = {"A": A, "AAAA": AAAA}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def query(identifier, name, kind):
    return struct.pack("!6H", identifier, 0x0100, 1, 0, 0, 0) + _name(name) + struct.pack("!2H", TYPES[kind], IN)


def answer(request, note):
    """Of the lab's own server: every name has one address."""
    identifier, flags = struct.unpack_from("!2H", request)
    _asked, end = _read_name(request, 12)
    question = request[12 : end + 4]
    records = b""
    if struct.unpack_from("!H", request, end)[0] == A:
        records = b"\xc0\x0c" + struct.pack("!2HIH4s", A, IN, 30, 4, socket.inet_aton("192.0.2.1"))
    text = note.encode()[:255]
    extra = b"\x00" + struct.pack("!2HIH", TXT, IN, 0, len(text) + 1) + bytes([len(text)]) + text
    header = struct.pack("!6H", identifier, 0x8580 | (flags & 0x0100), 1, 1 if records else 0, 0, 1)
    return header + question + records + extra


def read_answer(response):
    """(identifier, rcode, addresses, note)"""
    identifier, flags, questions, answers = struct.unpack_from("!4H", response)
    extras = struct.unpack_from("!H", response, 10)[0]
    at = 12
    for _ in range(questions):
        at = _read_name(response, at)[1] + 4
    addresses, note = [], ""
    for _ in range(answers + extras):
        at = _read_name(response, at)[1]
        kind, _class, _ttl, length = struct.unpack_from("!2HIH", response, at)
        data = response[at + 10 : at + 10 + length]
        at += 10 + length
        if kind in (A, AAAA):
            addresses.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        elif kind == TXT:
            note = data[1:].decode()
    return identifier, RCODES.get(flags & 15, str(flags & 15)), addresses, note


def _name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\x00"


def _read_name(packet, at):
    labels = []
    while packet[at]:
        if packet[at] & 0xC0:
            return ".".join(labels), at + 2
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), at + 1
