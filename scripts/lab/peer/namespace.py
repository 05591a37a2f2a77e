"""What the lab's small programs share: entering a network namespace, naming a process, addresses."""
import ctypes
import os
import signal
import socket

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_REC, MS_SLAVE = 2, 4, 0x4000, 1 << 19
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    """Put this process into a named network namespace (os.setns came with Python 3.12)."""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _check(_libc.setns(fd, CLONE_NEWNET), f"setns {name}")
    finally:
        os.close(fd)


def private_tmp():
    """Give this process and its children a /tmp of their own, which is gone when the last of them is."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    # What is unmounted outside must go here too, or a deleted network namespace would live on.
    _check(_libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None), "mount /")
    _check(_libc.mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4m"), "mount /tmp")


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


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
