import socket
import unittest


class Clean(unittest.TestCase):
    def test_clean(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
        client.close()
        self.assertEqual(server.recv(1), b"")
        server.close()
