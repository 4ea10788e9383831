"""The same in Python: the calls are found in the process, if they are there.

`in_python.py careless` tests a server that answers a client that is gone.
"""

import ctypes
import select
import signal
import socket
import sys


def shadow(name, result=ctypes.c_int):
    """A call of tcpshadow.h; without the library, one that does nothing."""
    try:
        call = getattr(ctypes.CDLL(None), "tcpshadow_" + name)
    except AttributeError:
        return lambda *arguments: b"" if result is ctypes.c_char_p else 0
    call.restype = result
    return call


active = shadow("active")
expected = shadow("expected", ctypes.c_char_p)
kernel = shadow("kernel", ctypes.c_char_p)
name = shadow("name")
mark = shadow("mark")
findings = shadow("findings")


def serve(connection, careless):
    """What is tested."""
    while connection.recv(16):
        pass
    if careless:
        connection.send(b"answer")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    name(server.fileno(), b"server end")
    start = mark(b"a client that hangs up")
    client.close()
    hangup = select.poll()
    hangup.register(server, select.POLLRDHUP)
    assert hangup.poll(10000)
    if active():
        assert kernel(server.fileno()) == b"CLOSE_WAIT"
        assert expected(server.fileno()) == b"ESTABLISHED"
    serve(server, "careless" in sys.argv)
    server.close()
    listener.close()
    found = findings(start, b"warning")
    print("watched," if active() else "not watched,", found, "findings")
    return found > 0


if __name__ == "__main__":
    sys.exit(main())
