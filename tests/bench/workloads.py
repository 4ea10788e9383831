"""Programs at work. Each workload starts a server under a variant, and gives
bursts of load; a burst yields a Sample."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from variants import BENCH


class Sample:
    """One burst: operations, seconds, p99 in us, CPU ns of server and tool."""

    def __init__(self, count, rate, p99, server, tool):
        self.rate = rate
        self.p99 = p99
        self.server = server / count
        self.tool = tool / count


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, running):
    """Until the server listens, or has ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise RuntimeError(f"server ended: {running.variant.name}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"server does not listen: {running.variant.name}")


class Server:
    """What the workloads with a server have in common."""

    unit = "request"
    programs = ()

    def __init__(self, variant):
        self.port = free_port()
        self.running = None
        self.start(variant)

    @classmethod
    def missing(cls):
        for program in cls.programs:
            if not shutil.which(program):
                return f"no {program} here"
        return None

    def burst(self, slow):
        server, tool = self.running.cpu()
        count, rate, p99 = self.load(slow)
        server_end, tool_end = self.running.cpu()
        return Sample(count, rate, p99, server_end - server, tool_end - tool)

    def stop(self):
        self.running.stop()


class Redis(Server):
    name = "redis, no pipelining"
    programs = ("redis-server", "redis-benchmark")
    fast = 24000

    def start(self, variant):
        self.running = variant.start(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
             "--save", "", "--appendonly", "no", "--loglevel", "warning"])
        wait_for(self.port, self.running)

    def load(self, slow):
        count = self.fast // 8 if slow else self.fast
        text = subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-c", "20", "-n",
             str(count), "-t", "get", "--csv"],
            capture_output=True, text=True, check=True).stdout
        row = text.strip().splitlines()[-1].replace('"', "").split(",")
        return count, float(row[1]), float(row[6]) * 1000


CONFIGURATION = """
daemon off; worker_processes 1; pid {0}/pid; error_log stderr; user {2};
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000;
  client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
  uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
  server {{ listen {1}; root {0}; }}
}}
"""


class Nginx(Server):
    name = "nginx, keep-alive"
    programs = ("nginx", "wrk")
    header = "Connection: keep-alive"
    connections = 16

    def start(self, variant):
        self.directory = tempfile.TemporaryDirectory()
        path = self.directory.name
        with open(os.path.join(path, "index.html"), "w") as page:
            page.write("x" * 1024)
        with open(os.path.join(path, "conf"), "w") as file:
            file.write(CONFIGURATION.format(path, self.port,
                                            os.environ.get("USER", "root")))
        self.running = variant.start(["nginx", "-c", path + "/conf", "-e",
                                      "stderr"])
        wait_for(self.port, self.running)

    def load(self, _slow):
        text = subprocess.run(
            ["wrk", "-t1", f"-c{self.connections}", "-d1s", "--latency", "-H",
             self.header, f"http://127.0.0.1:{self.port}/index.html"],
            capture_output=True, text=True, check=True).stdout
        count = int(re.search(r"(\d+) requests in", text).group(1))
        rate = float(re.search(r"Requests/sec: +([\d.]+)", text).group(1))
        number, unit = re.search(r" 99% +([\d.]+)(us|ms|s)", text).groups()
        return count, rate, float(number) * {"us": 1, "ms": 1e3,
                                             "s": 1e6}[unit]

    def stop(self):
        super().stop()
        self.directory.cleanup()


class NginxClose(Nginx):
    name = "nginx, a connection a request"
    unit = "connection"
    header = "Connection: close"


class Echo(Server):
    name = "epoll echo, 10,000 connections"
    unit = "message"
    held = 10000

    def start(self, variant):
        program = os.path.join(BENCH, "echo")
        self.running = variant.start([program, "serve"],
                                     stdout=subprocess.PIPE, text=True)
        port = self.running.process.stdout.readline()
        if not port:
            raise RuntimeError(f"server ended: {variant.name}")
        held = self.held // 10 if variant.slow else self.held
        self.client = subprocess.Popen(
            [program, "load", port.strip(), str(held)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.client.stdout.readline() != "ready\n":
            raise RuntimeError(f"no connections: {variant.name}")

    def load(self, slow):
        count = 4000 if slow else 30000
        self.client.stdin.write(f"{count}\n")
        self.client.stdin.flush()
        rate, p99 = self.client.stdout.readline().split()
        return count, float(rate), float(p99)

    def stop(self):
        self.client.kill()
        self.client.wait()
        super().stop()


class Start:
    """No server: each burst starts a program many times over."""

    unit = "start"
    name = "start-up of /bin/true"
    how = "start"

    def __init__(self, variant):
        self.variant = variant

    @classmethod
    def missing(cls):
        return None

    def burst(self, slow):
        count = 8 if slow else 60
        running = self.variant.start(
            [os.path.join(BENCH, "spawn"), self.how, str(count), "/bin/true"],
            stdout=subprocess.PIPE, text=True)
        text = running.process.stdout.read()
        running.process.wait()
        median = float(text.split("\n")[-2].split()[0])
        # The time of a start is the cost: nobody else is at work meanwhile.
        return Sample(1, 1e6 / median, median, median * 1000, 0)

    def stop(self):
        pass


class Fork(Start):
    name = "fork+exec loop"
    how = "fork"


ALL = [Redis, Nginx, NginxClose, Echo, Start, Fork]
