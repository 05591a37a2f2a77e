"""A conversation for tests, on the loopback of the namespace it is run in: both sides in one process, each message a
packet of its own.

Reads {"family": 4|6, "protocol": "tcp"|"udp", "port": N, "said": [["client"|"server", HEX], ...]}; ends when all of it
was said and heard.
"""
import json
import socket
import sys

task = json.load(sys.stdin)
family = socket.AF_INET if task["family"] == 4 else socket.AF_INET6
here = "127.0.0.1" if task["family"] == 4 else "::1"

if task["protocol"] == "tcp":
    listener = socket.create_server((here, task["port"]), family=family)
    client = socket.create_connection((here, task["port"]))
    server, _ = listener.accept()
    for side in (client, server):
        side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
else:
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((here, task["port"]))
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.bind((here, 0))
    client.connect((here, task["port"]))
    server.connect(client.getsockname())

for who, text in task["said"]:
    speaker, hearer = (client, server) if who == "client" else (server, client)
    data = bytes.fromhex(text)
    speaker.sendall(data)
    while data:
        data = data[len(hearer.recv(65536)):]
client.close()
server.close()
