"""What reaches people who are not looking: by webhook and by e-mail, and never a secret.

Belongs here: the messages and their way out, received by real servers. Does not: when runs fail.
"""

import email
import json
import socketserver
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from orchestration.automation.home_lock import BY_HAND
from orchestration.automation.notifications import failure, send, staleness
from orchestration.automation.sensors import failure_sensor, staleness_sensor
from orchestration.publish.release import current_release
from orchestration.settings import Settings


class _Serving:
    """A server on a free port of 127.0.0.1 that keeps what it was sent."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.server, self.received = server, []
        server.received = self.received
        self.port = server.server_address[1]

    def __enter__(self) -> "_Serving":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.received.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to be given a letter."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (text := self.rfile.readline()) != b".\r\n":
                    letter += text
                self.server.received.append(letter.decode())
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def settings_of(sample: Settings, *urls: str) -> Settings:
    return Settings(home=sample.home, dagster=sample.dagster_path, alert_urls=" ".join(urls) or None)


@pytest.fixture
def webhook():
    with _Serving(HTTPServer(("127.0.0.1", 0), _Webhook)) as serving:
        yield serving


def failed_run() -> dg.ExecuteInProcessResult:
    table = dg.AssetKey(["marts", "csat_summary"])

    @dg.asset(key=table, check_specs=[dg.AssetCheckSpec("ratings_fit", asset=table, blocking=True)])
    def mart():
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(passed=False, description="csat_summary: expected ratings; found none")

    @dg.asset(deps=[mart])
    def broken():
        raise dg.Failure("the disk is full")

    return dg.materialize([mart, broken], raise_on_error=False)


def test_a_failure_names_the_check_and_the_release_that_stays(sample):
    title, body = failure(sample, failed_run().all_events)

    assert title == "Conversation reports: a run failed"
    assert "- csat_summary: expected ratings; found none" in body
    assert f"Release {current_release(sample).release_id} stays in place" in body


def test_a_failure_without_a_check_names_the_step(tmp_path):
    @dg.asset
    def broken():
        raise dg.Failure("the disk is full")

    _, body = failure(Settings(home=tmp_path), dg.materialize([broken], raise_on_error=False).all_events)

    assert "- broken: " in body
    assert "the disk is full" in body
    assert "Nothing is published yet." in body


def test_a_message_reaches_a_webhook_and_a_mailbox(sample, webhook):
    with _Serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox)) as mailbox:
        mail = f"mailto://127.0.0.1:{mailbox.port}?from=runs@example.com&to=oncall@example.com&mode=insecure&format=html"
        send(settings_of(sample, f"json://127.0.0.1:{webhook.port}/hook", mail), "A title", "A <b>body</b>")

    assert [(m["title"], m["message"], m["type"]) for m in webhook.received] == [
        ("A title", "A <b>body</b>", "failure")
    ]
    assert len(mailbox.received) == 1
    assert "Subject: A title" in mailbox.received[0]
    letter = email.message_from_string(mailbox.received[0])
    written = letter.get_payload(1).get_payload(decode=True).decode()
    assert "&lt;b&gt;body&lt;/b&gt;" in written, "an id or the name of a file must not become markup"


def test_an_address_that_cannot_be_reached_is_named_by_number_and_the_others_are_told(
    sample, webhook, caplog, capfd
):
    urls = ("json://user:S3CRET@127.0.0.1:9/", "nonsense://S3CRET", f"json://127.0.0.1:{webhook.port}")

    send(settings_of(sample, *urls), "A title", "A body")

    assert len(webhook.received) == 1
    assert [
        record.message.split(" could")[0] for record in caplog.records if "Address" in record.message
    ] == [
        "Address 1 of CONVERSATIONS_ALERT_URLS",
        "Address 2 of CONVERSATIONS_ALERT_URLS",
    ]
    assert "S3CRET" not in caplog.text + "".join(capfd.readouterr())


def test_secrets_are_not_shown_with_the_settings(sample):
    settings = settings_of(sample, "json://user:S3CRET@127.0.0.1")
    assert "S3CRET" not in repr(settings) + str(settings) + repr(settings.environment())


def test_old_data_and_an_old_release_are_told_apart(sample):
    release = current_release(sample)
    published = datetime.fromisoformat(release.published_at)

    _, data_only = staleness(sample, published + timedelta(hours=1))
    _, both = staleness(sample, published + timedelta(hours=73))

    assert "Its data end at 2025-12-31T22:22:26Z, more than 36 hours ago" in data_only
    assert "It was published" not in data_only
    assert "It was published" in both
    assert staleness(sample, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert staleness(Settings(home=sample.home / "none")) is None


def test_old_data_are_told_once(sample, webhook):
    sensor = staleness_sensor(settings_of(sample, f"json://127.0.0.1:{webhook.port}"))
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance)
        first = sensor.evaluate_tick(context)
        again = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor=first.cursor))

    assert "told" in first.skip_message
    assert "told before" in again.skip_message
    assert [message["title"] for message in webhook.received] == [
        "Conversation reports: what is published is old"
    ]


@pytest.mark.parametrize(("tags", "messages"), [({}, 1), ({BY_HAND: "true"}, 0)])
def test_a_failed_run_is_told_by_the_daemon_unless_its_starter_does(sample, webhook, tags, messages):
    @dg.op
    def fails():
        raise dg.Failure("the disk is full")

    @dg.job
    def refresh():
        fails()

    with dg.DagsterInstance.ephemeral() as instance:
        result = refresh.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        sensor = failure_sensor(settings_of(sample, f"json://127.0.0.1:{webhook.port}"))
        context = dg.build_run_status_sensor_context(
            "alert_on_failure", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        sensor(context)

    assert len(webhook.received) == messages
    assert all("the disk is full" in message["message"] for message in webhook.received)
