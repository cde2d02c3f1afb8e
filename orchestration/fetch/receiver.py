"""The webhook receiver: `python -m orchestration.fetch.receiver`.

Belongs here: its endpoints, authentication and command line. Does not: writing (`spool`).

- `GET /webhooks/<account>`: Meta's verification request when you subscribe
- `POST /webhooks/<account>`: a signed webhook
- `POST /webhooks/<account>/<path secret>`: a webhook of a Chatwoot that does not sign
- `GET /health`: 204

Receiving a webhook twice is harmless, since reports count a message once. So old signatures are accepted.
"""

import argparse
import asyncio
import fcntl
import hashlib
import hmac
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from orchestration.fetch.connections import MIN_PATH_SECRET_LENGTH, ConnectedAccount, load_connections
from orchestration.fetch.files import landing_folder, make_folder, open_private
from orchestration.fetch.spool import OverloadError, Spool
from orchestration.settings import Settings, SettingsError, load_settings

MAX_BODY_BYTES = 4 * 2**20  # Meta sends up to 3 MB
RETRY_AFTER = {"Retry-After": "5"}  # seconds


@dataclass(frozen=True)
class Source:
    """An account with webhooks: their folder, and the secrets that authenticate them."""

    folder: Path
    platform: str
    secret: bytes | None
    verify_token: bytes | None
    path_secret: bytes | None

    def is_signed(self, request: Request, body: bytes) -> bool:
        """Return whether the body has a valid signature of the platform."""
        if self.secret is None:
            return False
        header, signed = "x-hub-signature-256", body
        if self.platform == "chatwoot":
            header = "x-chatwoot-signature"
            signed = request.headers.get("x-chatwoot-timestamp", "").encode("latin-1") + b"." + body
        expected = "sha256=" + hmac.new(self.secret, signed, hashlib.sha256).hexdigest()
        return _equal(request.headers.get(header, ""), expected.encode())


def sources(settings: Settings) -> dict[str, Source]:
    """Return the accounts with webhooks by id.

    Raises `SettingsError` if there is none, or if a secret is missing or too short.
    """
    found = {name: _source(settings, one) for name, one in load_connections(settings).items() if one.receives}
    if not found:
        raise SettingsError(
            f"no account has [<account>.webhooks] in {settings.connections_path}; see docs/getting-exports.md"
        )
    return found


def _source(settings: Settings, account: ConnectedAccount) -> Source:
    secrets = {}
    for name in ("secret", "verify_token", "path_secret"):
        value = account.secret(f"webhooks.{name}")
        secrets[name] = value and value.get_secret_value().encode()
    if secrets["path_secret"] is not None and len(secrets["path_secret"]) < MIN_PATH_SECRET_LENGTH:
        raise SettingsError(
            f"[{account.account_id}] webhooks.path_secret: expected at least {MIN_PATH_SECRET_LENGTH}"
            " characters; generate one with openssl rand -hex 32"
        )
    return Source(landing_folder(settings, account.account_id) / "webhooks", account.platform, **secrets)


def build_app(accounts: dict[str, Source], spool: Spool) -> Starlette:
    """Return the application. It starts the spool, writes to it, and completes it at shutdown."""

    async def verify(request: Request) -> Response:
        source = accounts.get(request.path_params["account"])
        query = request.query_params
        if (
            source is None
            or source.verify_token is None
            or query.get("hub.mode") != "subscribe"
            or not _equal(query.get("hub.verify_token", ""), source.verify_token)
        ):
            return Response(status_code=401)
        return PlainTextResponse(query.get("hub.challenge", ""))

    async def receive(request: Request) -> Response:
        source = accounts.get(request.path_params["account"])
        path_secret = request.path_params.get("secret")
        if source is None:
            return Response(status_code=401)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        if path_secret is None:
            is_known = source.is_signed(request, body)
        else:
            is_known = source.path_secret is not None and _equal(path_secret, source.path_secret)
        if not is_known:
            return Response(status_code=401)
        if not _is_json_object(body):
            return Response(status_code=400)
        try:
            await spool.append(source.folder, body)
        except (OverloadError, OSError):
            return Response(status_code=503, headers=RETRY_AFTER)
        return Response(status_code=200)

    async def health(request: Request) -> Response:
        return Response(status_code=204)

    @asynccontextmanager
    async def writing(app: Starlette) -> AsyncIterator[None]:
        spool.recover()
        writer = asyncio.create_task(spool.run())
        yield
        spool.stop()
        await writer

    return Starlette(
        routes=[
            Route("/webhooks/{account}", verify, methods=["GET"]),
            Route("/webhooks/{account}", receive, methods=["POST"]),
            Route("/webhooks/{account}/{secret}", receive, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ],
        lifespan=writing,
    )


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is too large. If the sender disconnects, return the part received."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        return None
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                return None
            parts.append(part)
    except ClientDisconnect:
        pass
    return b"".join(parts)


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body.decode("utf-8")), dict)
    except (ValueError, RecursionError):
        return False


def _equal(given: str, expected: bytes) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected)


def main(arguments: list[str]) -> int:
    """Receive webhooks until the process is stopped. Return 2 if a setting is invalid."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.fetch.receiver")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, behind a proxy with TLS")
    parser.add_argument("--port", type=int, default=8600)
    command = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        settings = load_settings()
        accounts = sources(settings)
        lock = _lock_receiver(settings)
    except SettingsError as error:
        print(f"Nothing can be received:\n{error}", file=sys.stderr)
        return 2
    for name, source in accounts.items():
        ending = "" if source.secret else "/<path_secret>"
        print(f"http://{command.host}:{command.port}/webhooks/{name}{ending} ({source.platform})", flush=True)
    spool = Spool([source.folder for source in accounts.values()], settings.receive_minutes * 60)
    # No access log: an address can end with a secret.
    uvicorn.run(
        build_app(accounts, spool),
        host=command.host,
        port=command.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    os.close(lock)
    return 0


def _lock_receiver(settings: Settings) -> int:
    """Return the descriptor that holds the receiver's lock. Raises `SettingsError` if another one runs."""
    make_folder(settings.fetch_path)
    descriptor = open_private(settings.fetch_path / "receiver.lock", flags=0)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SettingsError(f"another receiver already writes into {settings.landing_path}") from None
    return descriptor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
