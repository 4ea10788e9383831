import socket
import unittest


class Leaking(unittest.TestCase):
    def test_leaking(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for _ in range(2):
                client = socket.create_connection(listener.getsockname())
                server, _ = listener.accept()
                client.close()
                self.assertEqual(server.recv(1), b"")
                # As a library in C would hold it.
                server.detach()
