"""A server for tests: `listen.py tcp|udp PORT echo|hang-up` says back what it hears, or ends each connection at once."""
import socket
import sys
import threading

protocol, port, manner = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def echo(connection):
    while data := connection.recv(4096):
        connection.sendall(data)
    connection.close()


if protocol == "udp":
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", port))
    while True:
        sock.sendto(*sock.recvfrom(4096))

listener = socket.create_server(("0.0.0.0", port))
while True:
    accepted, _peer = listener.accept()
    if manner == "hang-up":
        accepted.close()
    else:
        threading.Thread(target=echo, args=(accepted,), daemon=True).start()
