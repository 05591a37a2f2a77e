"""What the lab's small programs share: entering a network namespace, naming a process, addresses."""
import ctypes
import os
import signal
import socket

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    """Put this process into a named network namespace (os.setns came with Python 3.12)."""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"setns {name}: {os.strerror(error)}")
    finally:
        os.close(fd)


def rename(comm):
    """Set what /proc/PID/comm says; the kernel keeps 15 bytes."""
    _libc.prctl(PR_SET_NAME, comm.encode()[:15], 0, 0, 0)


def die_with_parent(parent):
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def outlive_parent():
    _libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)


def detach_output():
    """Whoever waits for the end of the runner's output must not wait for us."""
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(devnull, fd)
    os.close(devnull)


def endpoint(address):
    """A socket address as the lab writes it; IPv4 callers of an IPv6 listener come mapped (RFC 4291 2.5.5.2)."""
    return {"ip": address[0].removeprefix("::ffff:"), "port": address[1]}


def family(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET
