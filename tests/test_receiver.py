"""Receiving webhooks: authentication, acknowledgement and crashes.

Belongs here: the command of the receiver as a process, over HTTP. Does not: its speed
(`benchmarks.receiver`).
"""

import asyncio
import http.client
import json
import random
import shutil
import signal
import threading
import time

import duckdb
import pytest
from conftest import project_with

from orchestration.fetch import spool as spool_module
from orchestration.fetch.receiver import main
from orchestration.fetch.spool import OverloadError, Spool
from orchestration.settings import Settings
from tests.chatwoot_exports import random_history, webhooks
from tests.webhook_sender import (
    ACCOUNTS,
    CONNECTIONS,
    OTHER_SECRET,
    PATH_SECRET,
    SECRETS,
    VERIFY_TOKEN,
    Receiver,
    chatwoot_signature,
    meta_signature,
    received,
)
from tests.whatsapp_cloud_exports import START, envelope

# uvicorn shuts down and then raises the signal again, unless its process ignores it.
ENDED = (0, -signal.SIGTERM)


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Return the settings of a home with an account for each kind of webhook."""
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "accounts.csv").write_text(ACCOUNTS)
    project = project_with(tmp_path / "seeds", tmp_path / "project")
    (project / "connections.toml").write_text(CONNECTIONS)
    return Settings(home=tmp_path / "home", project=project, settle_seconds=0)


def inbound(number: int) -> dict:
    message = {
        "id": f"wamid.{number}",
        "from": "393331234567",
        "timestamp": str(START + number),
        "type": "text",
    }
    return envelope(messages=[message])


def encoded(content: object) -> bytes:
    return json.dumps(content).encode()


# Authentication


def test_the_challenge_of_meta_requires_the_verify_token(settings):
    challenge = "/webhooks/phone?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    with Receiver(settings) as receiver:
        status, headers, body = receiver.request("GET", challenge + VERIFY_TOKEN)
        assert (status, body) == (200, b"1158201444")
        assert headers["content-type"].startswith("text/plain")
        for wrong in ("x", "", VERIFY_TOKEN + "x", "%C3%A9"):
            assert receiver.request("GET", challenge + wrong)[0] == 401
        assert receiver.request("GET", "/webhooks/phone")[0] == 401
        assert receiver.request("GET", challenge.replace("phone", "inbox") + VERIFY_TOKEN)[0] == 401


def test_a_signed_webhook_is_in_landing_after_its_file_is_complete(settings):
    body = encoded(inbound(1))
    event = encoded(webhooks(random_history(random.Random(1), 1))[0])
    with Receiver(settings) as receiver:
        assert receiver.post("/webhooks/phone", body, meta_signature(body)) == 200
        assert receiver.post("/webhooks/inbox", event, chatwoot_signature(event)) == 200
        assert receiver.post(f"/webhooks/inbox/{PATH_SECRET}", event) == 200
        assert received(settings, "phone") == [], "an unfinished file must be hidden"
        assert receiver.end() in ENDED
    assert received(settings, "phone") == [json.loads(body)]
    assert received(settings, "inbox") == [json.loads(event)] * 2


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhooks/phone", {}),
        ("/webhooks/phone", {"X-Hub-Signature-256": "sha256="}),
        ("/webhooks/phone", {"X-Hub-Signature-256": "sha256=\xe9"}),
        ("/webhooks/phone", meta_signature(encoded(inbound(1)), secret=OTHER_SECRET)),
        ("/webhooks/phone", meta_signature(encoded(inbound(2)))),
        ("/webhooks/phone", chatwoot_signature(encoded(inbound(1)))),
        ("/webhooks/inbox", {}),
        ("/webhooks/inbox", meta_signature(encoded(inbound(1)))),
        ("/webhooks/inbox", chatwoot_signature(encoded(inbound(1)), secret=OTHER_SECRET)),
        ("/webhooks/inbox", chatwoot_signature(encoded(inbound(1))) | {"X-Chatwoot-Timestamp": "1"}),
        (f"/webhooks/inbox/{PATH_SECRET}x", {}),
        (f"/webhooks/phone/{PATH_SECRET}", {}),
        ("/webhooks/nowhere", meta_signature(encoded(inbound(1)))),
    ],
)
def test_a_webhook_without_a_valid_signature_is_rejected(settings, path, headers):
    with Receiver(settings) as receiver:
        assert receiver.post(path, encoded(inbound(1)), headers) == 401
        receiver.end()
    assert received(settings, "phone") == received(settings, "inbox") == []


def test_a_body_that_is_too_large_or_not_a_json_object_is_rejected(settings):
    with Receiver(settings) as receiver:
        large = encoded({"text": "x" * 5 * 2**20})
        assert receiver.post("/webhooks/phone", large, meta_signature(large)) == 413
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port)
        connection.request(
            "POST", "/webhooks/phone", iter([large[: 2**22], large[2**22 :]]), meta_signature(large)
        )
        assert connection.getresponse().status == 413, "without a length, the receiver counts the bytes"
        connection.close()
        for body in (b"", b"{", b"[1]", b'"text"', b"\xff{}", b'{"a": 1}\x0b', b"[" * 100_000):
            assert receiver.post("/webhooks/phone", body, meta_signature(body)) == 400, body[:20]
        receiver.end()
    assert received(settings, "phone") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PUT", "/webhooks/phone"),
        ("DELETE", "/webhooks/phone"),
        ("POST", "/"),
        ("POST", "/health"),
    ],
)
def test_other_methods_and_paths_are_rejected(settings, method, path):
    with Receiver(settings) as receiver:
        assert receiver.request(method, path, b"{}")[0] in (404, 405)


def test_a_body_of_several_lines_is_one_line_of_the_file(settings):
    body = json.dumps(inbound(1), indent=2).replace("\n", "\r\n").encode()
    with Receiver(settings) as receiver:
        assert receiver.post("/webhooks/phone", body, meta_signature(body)) == 200
        receiver.end()
    assert received(settings, "phone") == [inbound(1)]


# Files


def test_files_are_private_and_contain_no_secret(settings):
    body = encoded(inbound(1))
    with Receiver(settings, before="umask 0") as receiver:
        receiver.post("/webhooks/phone", body, meta_signature(body))
        receiver.post(f"/webhooks/inbox/{PATH_SECRET}", body)
        receiver.post(f"/webhooks/inbox/{PATH_SECRET}/more", body)
        receiver.end()
    assert "/webhooks/phone" in receiver.output
    files = list(settings.home.rglob("*"))
    assert {path.suffix for path in files} >= {".jsonl", ".lock"}
    for path in files:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        for secret in SECRETS.values():
            assert secret not in receiver.output
            assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_a_file_appears_after_its_period_and_a_new_one_is_started(tmp_path):
    now = [0.0]
    folder = tmp_path / "webhooks"

    async def use() -> list[int]:
        spool = Spool([folder], seconds=3600, clock=lambda: now[0])
        writer = asyncio.create_task(spool.run())
        seen = []
        for moment in (10, 3599, 3601, 7201):
            now[0] = moment
            await spool.append(folder, encoded({"at": moment}))
            await asyncio.sleep(0.05)
            seen.append(len(list(folder.glob("[!.]*.jsonl"))))
        spool.stop()
        await writer
        return seen

    # The first webhook after an hour is the last one in the file of that hour.
    assert asyncio.run(use()) == [0, 0, 1, 2]
    lines = [path.read_text().splitlines() for path in sorted(folder.glob("*.jsonl"))]
    assert [len(one) for one in lines] == [3, 1]


@pytest.mark.parametrize("is_moved", [False, True])
def test_webhooks_received_after_landing_was_removed_or_moved_are_kept(tmp_path, is_moved):
    folder = tmp_path / "landing" / "account" / "webhooks"

    async def receive():
        spool = Spool([folder], seconds=3600)
        writer = asyncio.create_task(spool.run())
        await spool.append(folder, b'{"n": 1}')
        if is_moved:
            folder.parents[1].rename(tmp_path / "moved")
        else:
            shutil.rmtree(folder.parents[1])
        await spool.append(folder, b'{"n": 2}')
        spool.stop()
        await writer

    asyncio.run(receive())
    assert [path.read_bytes() for path in folder.glob("*.jsonl")] == [b'{"n": 2}\n']
    left = [path.read_bytes() for path in tmp_path.glob("moved/account/webhooks/.*")]
    assert left == [b'{"n": 1}\n'] * is_moved


def test_a_line_truncated_by_a_crash_is_removed_and_the_others_are_kept(settings):
    folder = settings.landing_path / "phone" / "webhooks"
    folder.mkdir(parents=True)
    complete = encoded(inbound(1)) + b"\n"
    (folder / ".received-webhooks.jsonl").write_bytes(complete + encoded(inbound(2))[:40])
    with Receiver(settings) as receiver:
        assert received(settings, "phone") == [inbound(1)]
        receiver.end()
    assert list(folder.glob(".*")) == []


def test_a_webhook_that_cannot_be_written_is_not_acknowledged_and_affects_no_other(settings):
    """A file size limit of 64 KB simulates a full disk."""
    small, large = encoded(inbound(1)), encoded(inbound(2) | {"text": "x" * 100_000})
    with Receiver(settings, before="ulimit -f 64") as receiver:
        assert receiver.post("/webhooks/phone", small, meta_signature(small)) == 200
        status, headers, _ = receiver.request("POST", "/webhooks/phone", large, meta_signature(large))
        assert (status, headers["retry-after"]) == (503, "5")
        assert receiver.post("/webhooks/phone", small, meta_signature(small)) == 200
        receiver.end()
    assert received(settings, "phone") == [inbound(1)] * 2
    assert "cannot be written" in receiver.output


def test_webhooks_above_the_buffer_limit_are_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "PENDING_BYTES", 100)
    folder = tmp_path / "webhooks"

    async def use() -> list[object]:
        spool = Spool([folder], seconds=3600)
        waiting = [asyncio.create_task(spool.append(folder, b'{"a": "%s"}' % (b"x" * 40))) for _ in range(3)]
        await asyncio.sleep(0)  # all tasks wait before anything is written
        writer = asyncio.create_task(spool.run())
        results = await asyncio.gather(*waiting, return_exceptions=True)
        await spool.append(folder, b"{}")
        spool.stop()
        await writer
        return results

    assert [type(one) for one in asyncio.run(use())] == [type(None), type(None), OverloadError]


def test_a_second_receiver_is_rejected_with_the_reason(settings, monkeypatch, capsys):
    for name, value in (SECRETS | {"CONVERSATIONS_HOME": str(settings.home)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(settings.project))
    with Receiver(settings):
        assert main(["--port", "1"]) == 2
    assert "another receiver already writes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("PATH_SECRET", "short"), "path_secret: expected at least 16 characters"),
        (("APP_SECRET", ""), "[phone] webhooks.secret: the environment variable APP_SECRET is not set"),
    ],
)
def test_a_missing_or_short_secret_is_named_at_the_start(settings, monkeypatch, capsys, change, expected):
    for name, value in (SECRETS | dict([change])).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(settings.project))
    assert main([]) == 2
    assert expected in capsys.readouterr().err


# Crashes


@pytest.mark.slow
def test_acknowledged_webhooks_survive_kills_and_count_once(settings, build, tmp_path):
    acknowledged, numbers, lock = set(), iter(range(10**6)), threading.Lock()
    stopped = threading.Event()

    def send(port: list[int]) -> None:
        connection, body = None, b""
        while not stopped.is_set():
            with lock:
                number = next(numbers)
            body = encoded(inbound(number))
            for _ in range(200):  # like a platform, repeat a webhook until it is acknowledged
                if stopped.is_set():
                    break
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", port[0], timeout=5)
                    connection.request("POST", "/webhooks/phone", body, meta_signature(body))
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 200:
                        acknowledged.add(number)
                        break
                except (OSError, http.client.HTTPException):
                    connection = None
                    time.sleep(0.02)

    receiver = Receiver(settings)
    port = [receiver.port]
    senders = [threading.Thread(target=send, args=(port,)) for _ in range(8)]
    with receiver:
        for sender in senders:
            sender.start()
        for _ in range(20):
            before = len(acknowledged)
            while len(acknowledged) < before + 50:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.1))
            assert receiver.end(signal.SIGKILL) == -signal.SIGKILL
            receiver.start()
        stopped.set()
        for sender in senders:
            sender.join()
        assert receiver.end() in ENDED
    found = [
        one["entry"][0]["changes"][0]["value"]["messages"][0]["id"] for one in received(settings, "phone")
    ]
    assert {f"wamid.{number}" for number in acknowledged} <= set(found)
    assert len(acknowledged) > 1000
    assert len(found) > len(set(found)), "no webhook was received twice, so the test proves nothing"
    candidate = build(settings.landing_path, tmp_path / "build", settings.seeds)
    with duckdb.connect(candidate, read_only=True) as con:
        counts = con.execute("select count(*), count(distinct message_id) from fct_messages").fetchone()
    assert counts == (len(set(found)), len(set(found)))


def test_an_idle_receiver_leaves_no_file(settings):
    with Receiver(settings) as receiver:
        assert receiver.end() in ENDED
    assert not [path for path in settings.landing_path.rglob("*") if path.is_file()]
    assert (settings.fetch_path / "receiver.lock").exists()
