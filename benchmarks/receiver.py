"""Measure the receiver under load against a baseline: `python -m benchmarks.receiver [--rate 2000]`.

Belongs here: a sender with a fixed schedule, and the latencies of its requests. Does not: the receiver
(`orchestration.fetch.receiver`), nor crashes (`tests/test_receiver.py`).

The baseline is the same application without a disk: it verifies the signature and responds. The latency of a
webhook counts from its scheduled time and includes the time that it waits for other requests.
"""

import argparse
import asyncio
import hashlib
import hmac
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvicorn
import uvloop

from orchestration.fetch.receiver import Source, build_app
from orchestration.fetch.spool import Spool

SECRET = b"the app secret of a benchmark"
PORT = 8699
RESPONSE_END = b"\r\n\r\n"


class WithoutDisk(Spool):
    """A spool that acknowledges at once."""

    async def append(self, folder: Path, body: bytes) -> None:
        """Do nothing."""


def serve(folder: Path, with_disk: bool) -> None:
    """Serve on `PORT` until the process ends."""
    source = Source(folder, "whatsapp_cloud", SECRET, None, None)
    spool = (Spool if with_disk else WithoutDisk)([folder], seconds=3600)
    app = build_app({"phone": source}, spool)
    uvicorn.run(app, port=PORT, access_log=False, log_level="warning", server_header=False)


def webhook(number: int, size: int = 2000) -> bytes:
    """Return the request of one webhook with a body of `size` bytes."""
    message = {"id": f"wamid.{number:012}", "from": "393331234567", "timestamp": "1750000000", "type": "text"}
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1"}, "messages": [message]}
    content = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
    }
    message["text"] = {"body": ""}
    message["text"]["body"] = "x" * (size - len(json.dumps(content)))
    body = json.dumps(content).encode()
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = (
        f"POST /webhooks/phone HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """A connection that sends one request at a time."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.answer: asyncio.Future | None = None
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Set the status once the head of the response is complete. The receiver's responses have no body."""
        self.data += data
        if RESPONSE_END in self.data:
            status, self.data = int(self.data.split(b" ", 2)[1]), b""
            self.answer.set_result(status)

    async def post(self, request: bytes) -> int:
        """Send a request and return the status of its response."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


async def send(rate: int, seconds: int, connections: int) -> tuple[list[float], dict[int, int]]:
    """Send webhooks at a rate per second. Return the latencies in seconds and the number of each status."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(Connection, "127.0.0.1", PORT) for _ in range(connections)]
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    start = loop.time() + 0.5

    async def send_some(first: int, connection: Connection) -> None:
        for number in range(first, rate * seconds, connections):
            request = webhook(number)
            due = start + number / rate
            await asyncio.sleep(max(0, due - loop.time()))
            status = await connection.post(request)
            latencies.append(loop.time() - due)
            statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(send_some(n, connection) for n, (_, connection) in enumerate(opened)))
    for transport, _ in opened:
        transport.close()
    return latencies, statuses


def measure(command: argparse.Namespace, with_disk: bool) -> dict:
    """Start a server, send webhooks, stop the server, and return the figures."""
    with tempfile.TemporaryDirectory(dir=command.folder) as home:
        folder = Path(home) / "webhooks"
        options = [] if with_disk else ["--without-disk"]
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.receiver", "--serve", str(folder), *options]
        )
        _wait_until_ready()
        latencies, statuses = uvloop.run(send(command.rate, command.seconds, command.connections))
        server.terminate()
        _, _, used = os.wait4(server.pid, 0)
        lines = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
    cuts = statistics.quantiles(latencies, n=1000)
    return {
        "": "with disk" if with_disk else "baseline",
        "acknowledged": statuses.get(200, 0),
        "other": sum(statuses.values()) - statuses.get(200, 0),
        "in landing": lines,
        "p50 ms": round(cuts[499] * 1000, 1),
        "p99 ms": round(cuts[989] * 1000, 1),
        "p99.9 ms": round(cuts[998] * 1000, 1),
        "max ms": round(max(latencies) * 1000, 1),
        "CPU s": round(used.ru_utime + used.ru_stime, 1),
        "peak MB": used.ru_maxrss // 1024,
        "load": os.getloadavg()[0],
    }


def _wait_until_ready() -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=1)
            connection.request("GET", "/health")
            if connection.getresponse().status == 204:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def main(arguments: list[str] | None = None) -> int:
    """Measure the baseline and the receiver. Return 1 if an acknowledged webhook is missing in landing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=2000, help="webhooks a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--folder", help="output folder; default: the folder for temporary files")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--without-disk", action="store_true", help=argparse.SUPPRESS)
    command = parser.parse_args(arguments)
    if command.serve:
        serve(command.serve, not command.without_disk)
        return 0
    print(
        f"{command.rate:,} webhooks of 2 kB a second for {command.seconds} s,"
        f" {command.connections} connections"
    )
    results = [measure(command, with_disk) for with_disk in (False, True)]
    for name in results[0]:
        print(f"{name:14}", *(f"{result[name]!s:>12}" for result in results))
    return int(results[1]["in landing"] != results[1]["acknowledged"])


if __name__ == "__main__":
    sys.exit(main())
