"""A receiver in a separate process, and webhooks with the signatures of the platforms.

Belongs here: starting and ending the process, signatures, requests. Does not: the content of webhooks.
"""

import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from orchestration.settings import PROJECT, Settings

APP_SECRET = "planted-app-secret-0123456789abcdef"  # noqa: S105
VERIFY_TOKEN = "planted-verify-token"  # noqa: S105
WEBHOOK_SECRET = "planted-webhook-secret-0123456789"  # noqa: S105
PATH_SECRET = "planted-path-secret-0123456789abcdef"  # noqa: S105
OTHER_SECRET = "another-secret-0123456789abcdef"  # noqa: S105
SECRETS = {
    "APP_SECRET": APP_SECRET,
    "VERIFY_TOKEN": VERIFY_TOKEN,
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
    "PATH_SECRET": PATH_SECRET,
}
CONNECTIONS = """
[phone.webhooks]
secret = { env = "APP_SECRET" }
verify_token = { env = "VERIFY_TOKEN" }

[inbox.webhooks]
secret = { env = "WEBHOOK_SECRET" }
path_secret = { env = "PATH_SECRET" }
"""
ACCOUNTS = "account_id,platform,time_zone\nphone,whatsapp_cloud,UTC\ninbox,chatwoot,UTC\n"


class Receiver:
    """The receiver command on a free port. `before` is a shell command that runs first, such as a limit."""

    def __init__(self, settings: Settings, before: str = "", **environment: str):
        self.settings = settings
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._environment = os.environ | SECRETS | environment
        self._environment |= {
            "CONVERSATIONS_HOME": str(settings.home),
            "CONVERSATIONS_PROJECT": str(settings.project),
        }
        command = f"{sys.executable} -m orchestration.fetch.receiver --port {self.port}"
        self._command = ["bash", "-c", f"{before}\nexec {command}"]
        self.output = ""

    def start(self) -> "Receiver":
        self.process = subprocess.Popen(
            self._command,
            cwd=PROJECT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if self.request("GET", "/health")[0] == 204:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the receiver did not start: {self.process.communicate()[0]}")

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        self.process.send_signal(signal_number)
        self.output += self.process.communicate(timeout=60)[0]
        return self.process.returncode

    def __enter__(self) -> "Receiver":
        return self.start()

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.end()

    def request(self, method: str, path: str, body: bytes = b"", headers: dict | None = None):
        """Return status, headers and body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: bytes, headers: dict | None = None) -> int:
        return self.request("POST", path, body, headers)[0]


def meta_signature(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


def chatwoot_signature(body: bytes, at: str = "1750000000", secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Chatwoot-Timestamp": at, "X-Chatwoot-Signature": f"sha256={digest}"}


def received(settings: Settings, account: str) -> list[dict]:
    """Return the webhooks in the landing files of an account, in order."""
    files = sorted((settings.landing_path / account / "webhooks").glob("[!.]*.jsonl"))
    return [json.loads(line) for path in files for line in Path(path).read_bytes().splitlines()]
