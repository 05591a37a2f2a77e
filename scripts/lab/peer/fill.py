"""Fill a namespace's conntrack table to the machine's limit: stdin {"netns"}.

The limit is one for the machine and may be set in its first namespace only; what it is held against is each namespace's
own count (nf_conntrack_alloc), so a namespace of ours can be full without anything of the machine's being changed.
Entries that are assured are not evicted for new ones (early_drop_list).
"""
import json
import socket
import struct
import sys

import namespace

NETLINK_NETFILTER = 12
IPCTNL_MSG_CT_NEW = 1 << 8  # subsystem CTNETLINK is 1
NLM_F_REQUEST, NLM_F_CREATE, NLM_F_EXCL = 1, 0x400, 0x200
NESTED = 0x8000
(TUPLE_ORIG, TUPLE_REPLY, STATUS, TIMEOUT) = (1, 2, 3, 7)
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
# TEST-NET-2 and -3 (RFC 5737): addresses of nobody.
SOURCE, TARGET = 0xC6336401, 0xCB007101
BATCH = 500


def main():
    with open("/proc/sys/net/netfilter/nf_conntrack_max") as file:
        limit = int(file.read())
    namespace.enter(json.load(sys.stdin)["netns"])
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    for begin in range(0, limit + BATCH, BATCH):
        sock.send(b"".join(entry(number) for number in range(begin, begin + BATCH)))
    with open("/proc/sys/net/netfilter/nf_conntrack_count") as file:
        count = int(file.read())
    if count < limit:
        sys.exit(f"{count} of {limit} entries could be made")


def entry(number):
    """One UDP flow; no acknowledgement is asked for. Errors come all the same and are not read."""
    source, port = SOURCE + number // 60000, 1024 + number % 60000
    body = struct.pack("!BBH", socket.AF_INET, 0, 0)
    body += flow(TUPLE_ORIG, source, TARGET, port, 9) + flow(TUPLE_REPLY, TARGET, source, 9, port)
    body += attribute(STATUS, struct.pack("!I", SEEN_REPLY | ASSURED | CONFIRMED))
    body += attribute(TIMEOUT, struct.pack("!I", 600))
    flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL
    return struct.pack("=IHHII", 16 + len(body), IPCTNL_MSG_CT_NEW, flags, number, 0) + body


def flow(kind, source, target, sport, dport):
    addresses = attribute(1, struct.pack("!I", source)) + attribute(2, struct.pack("!I", target))
    ports = attribute(1, bytes([socket.IPPROTO_UDP])) + attribute(2, struct.pack("!H", sport)) + attribute(3, struct.pack("!H", dport))
    return attribute(kind | NESTED, attribute(1 | NESTED, addresses) + attribute(2 | NESTED, ports))


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


main()
