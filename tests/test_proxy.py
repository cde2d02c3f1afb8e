"""The access rules of deploy/nginx.conf, tested with nginx in front of a server that returns its requests.

Belongs here: hosts, origins, methods and headers. Does not: responses of Dagster or Streamlit.
"""

import getpass
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestration.settings import PROJECT

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

OURS, OTHERS = "https://reports.example.com", "https://evil.example"
WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}


class _EchoHeaders(BaseHTTPRequestHandler):
    """Respond with the headers of the request."""

    def do_GET(self) -> None:
        body = json.dumps([*self.headers.items(), *([("padding", "x" * 5000)])]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of nginx with deploy/nginx.conf, without TLS, on free ports."""
    folder = tmp_path_factory.mktemp("nginx")
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _EchoHeaders)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    http, https = free_port(), free_port()
    (folder / "users").write_text("anna@example.com:{PLAIN}secret\n")
    (folder / "published" / "report").mkdir(parents=True)
    for name in ("status.html", "status.it.html", "report/demo.html", "release.json"):
        (folder / "published" / name).write_text(name)
    conf = (PROJECT / "deploy" / "nginx.conf").read_text()
    for pattern, replacement in [
        (r"listen 80\b", f"listen 127.0.0.1:{http}"),
        (r"listen 443 ssl\b", f"listen 127.0.0.1:{https}"),
        (r"ssl_certificate.*;", ""),
        (r"/etc/nginx/conversations/\w+\.htpasswd", str(folder / "users")),
        (r"/var/lib/conversations/published", str(folder / "published")),
        (r"proxy_pass http://127.0.0.1:\d+", f"proxy_pass http://127.0.0.1:{upstream.server_address[1]}"),
    ]:
        conf, count = re.subn(pattern, replacement, conf)
        assert count, pattern
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user {getpass.getuser()}; daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ access_log off; {temporary} {conf} }}"
    )
    command = [NGINX, "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"]
    with subprocess.Popen(command) as server:
        try:
            wait_for(https, server, folder)
            yield https
        finally:
            server.terminate()
            upstream.shutdown()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(port: int, server: subprocess.Popen, folder: Path) -> None:
    while request(port, "GET", "/webhooks/")[0] != 200:
        assert server.poll() is None, (folder / "error.log").read_text()
        time.sleep(0.05)


def request(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the response; status 0 if the connection ends without one."""
    login = "Basic " + b64encode(b"anna@example.com:secret").decode()
    headers = {"Host": "reports.example.com", "Authorization": login} | headers
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except (OSError, HTTPException):
        return 0, {}, b""
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/dagster/", {}, 200),
        ("GET", "/dagster/runs", {"Origin": OTHERS}, 200),
        ("POST", "/dagster/graphql", {"Origin": OURS}, 200),
        ("POST", "/dagster/graphql", {"Origin": OTHERS}, 403),
        ("POST", "/dagster/graphql", {}, 403),
        ("POST", "/dagster/graphql", {"Origin": OURS + ".evil.example"}, 403),
        ("POST", "/dagster/graphql", {"Origin": "https://reportsXexample.com"}, 403),
        ("POST", "/dagster/graphql", {"Origin": "null"}, 403),
        ("GET", "/dagster/graphql?query=mutation", {}, 403),
        ("GET", "/dagster/graphql?query=mutation", {"Origin": OURS}, 403),
        ("GET", "/dagster//graphql?query=mutation", {}, 403),
        ("GET", "/dagster/x/../%67raphql?query=mutation", {}, 403),
        ("GET", "/dagster/graphql/?query=mutation", {}, 403),
        ("GET", "/dagster/graphql", {"Origin": OURS} | WEBSOCKET, 200),
        ("GET", "/dagster/graphql", {"Origin": OTHERS} | WEBSOCKET, 403),
        ("GET", "/dagster/graphql", WEBSOCKET, 403),
        ("POST", "/dagster/report_asset_materialization/x", {"Origin": OTHERS}, 403),
        ("POST", "/assets/graphql", {"Origin": OURS}, 200),
        ("GET", "/reports/", {}, 200),
        ("GET", "/status.html", {}, 200),
        ("GET", "/status.it.html", {}, 200),
        ("GET", "/status.html", {"Authorization": ""}, 401),
        ("GET", "/report/demo.html", {}, 200),
        ("GET", "/report/demo.html", {"Authorization": ""}, 401),
        ("GET", "/report/../release.json", {}, 404),
        ("GET", "/dagster/", {"Authorization": "Basic eDp5"}, 401),
        ("GET", "/reports/", {"Authorization": ""}, 401),
        ("GET", "/dagster/", {"Host": "evil.example"}, 0),
        ("PUT", "/webhooks/a", {}, 403),
    ],
)
def test_only_requests_from_our_pages_can_change_state(
    proxy: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert request(proxy, method, path, **headers)[0] == status


def test_the_proxy_sets_the_user_and_removes_the_password(proxy: int) -> None:
    _, _, body = request(proxy, "GET", "/reports/", **{"X-Forwarded-Email": "boss@example.com"})
    headers = [(name.lower(), value) for name, value in json.loads(body)]
    assert [value for name, value in headers if name == "x-forwarded-email"] == ["anna@example.com"]
    assert "authorization" not in dict(headers)


def test_responses_are_compressed(proxy: int) -> None:
    _, headers, _ = request(proxy, "GET", "/dagster/", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
