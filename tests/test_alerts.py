"""Alerts and reports by webhook and e-mail: their content, their delivery, and no secret in them.

Belongs here: messages received by real servers. Does not: when runs fail.
"""

import base64
import email
import json
import shutil
import socketserver
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from orchestration import commands
from orchestration.__main__ import main
from orchestration.automation.home_lock import BY_HAND
from orchestration.automation.notifications import failure, release_problems, send
from orchestration.automation.sensors import failure_sensor, release_sensor
from orchestration.publish.assets import build_report_asset
from orchestration.publish.release import RELEASE_FILE, current_release, write_release
from orchestration.settings import PROJECT, Settings


class _Server:
    """A server on a free port of 127.0.0.1 that stores what it receives."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.server, self.received = server, []
        server.received = self.received
        self.port = server.server_address[1]

    def __enter__(self) -> "_Server":
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
    """The part of SMTP that is needed to receive an e-mail."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                mail = b""
                while (text := self.rfile.readline()) != b".\r\n":
                    mail += text
                self.server.received.append(mail.decode())
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def settings_of(sample: Settings, *urls: str) -> Settings:
    return Settings(home=sample.home, dagster=sample.dagster_path, alert_urls=" ".join(urls) or None)


@pytest.fixture
def webhook():
    with _Server(HTTPServer(("127.0.0.1", 0), _Webhook)) as server:
        yield server


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


def test_a_failure_names_the_check_and_the_current_release(sample):
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
    with _Server(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox)) as mailbox:
        url = f"mailto://127.0.0.1:{mailbox.port}?from=runs@example.com&to=oncall@example.com&mode=insecure&format=html"
        send(settings_of(sample, f"json://127.0.0.1:{webhook.port}/hook", url), "A title", "A <b>body</b>")

    assert [(m["title"], m["message"], m["type"]) for m in webhook.received] == [
        ("A title", "A <b>body</b>", "failure")
    ]
    assert len(mailbox.received) == 1
    assert "Subject: A title" in mailbox.received[0]
    mail = email.message_from_string(mailbox.received[0])
    text = mail.get_payload(1).get_payload(decode=True).decode()
    assert "&lt;b&gt;body&lt;/b&gt;" in text, "ids and file names must not become markup"


def test_an_unreachable_address_is_named_by_number_and_the_others_receive_the_message(
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


def test_the_reports_of_a_new_release_are_sent_once_and_a_failure_to_send_fails_no_run(
    released, webhook, caplog
):
    def materialize(*urls: str) -> str:
        settings = released.model_copy(
            update={"report_urls": SecretStr(" ".join(urls)), "report_language": "it"}
        )
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [build_report_asset(settings)], instance=instance, resources={"settings": settings}
            )
        (event,) = result.get_asset_materialization_events()
        return event.materialization.metadata["sent"].value

    def remove_reports() -> None:
        (released.published_path / "report").unlink()

    if (released.published_path / "report").exists():
        shutil.rmtree(released.published_path / "report")
    hook = f"json://127.0.0.1:{webhook.port}"
    assert materialize(hook) == "to 1 of 1 addresses"
    (message,) = webhook.received
    assert message["title"] == "Report delle conversazioni: Mese scorso"
    assert "demo: non aggiornato" in message["message"]
    assert message["type"] == "warning"
    (attached,) = message["attachments"]
    assert attached["filename"] == "demo.last_full_month.it.html"
    page = released.published_path / "report" / attached["filename"]
    assert base64.b64decode(attached["base64"]) == page.read_bytes()

    assert materialize(hook).startswith("not sent again")
    assert len(webhook.received) == 1
    remove_reports()
    assert materialize("json://user:S3CRET@127.0.0.1:9/", hook) == (
        "to 1 of 2 addresses; not to address 1 of CONVERSATIONS_REPORT_URLS"
    )
    assert len(webhook.received) == 2
    assert "S3CRET" not in caplog.text
    remove_reports()
    assert materialize() == "off"


def test_secrets_are_not_shown_with_the_settings(sample):
    settings = settings_of(sample, "json://user:S3CRET@127.0.0.1").model_copy(
        update={"report_urls": SecretStr("json://user:S3CRET@127.0.0.1")}
    )
    assert "S3CRET" not in repr(settings) + str(settings) + repr(settings.environment())


@pytest.fixture
def released(sample, tmp_path) -> Settings:
    """Return the settings of a home with a copy of the sample's release only."""
    shutil.copytree(sample.published_path, tmp_path / "published")
    return Settings(home=tmp_path, dagster=tmp_path / "dagster")


def set_data_through(settings: Settings, **ends: str | None) -> None:
    """Set the data-through time of each account in the manifests of the release."""
    release = current_release(settings)
    accounts = {name: {"time_zone": "UTC", "data_through": end} for name, end in ends.items()}
    for folder in (settings.published_path, settings.published_path / release.folder):
        write_release(replace(release, accounts=accounts), folder / RELEASE_FILE)


def test_old_data_and_an_old_release_are_separate_problems(sample):
    published = datetime.fromisoformat(current_release(sample).published_at)

    (data,) = release_problems(sample, published + timedelta(hours=1))
    release, also_data = release_problems(sample, published + timedelta(hours=73))

    assert data.startswith(
        "- The data of account demo ends on 31 Dec 2025, 23:22 (Europe/Rome), more than 72 hours ago"
    )
    assert release.startswith("- The release was published on")
    assert also_data == data
    assert release_problems(sample, datetime(2026, 1, 1, tzinfo=UTC)) == []
    assert release_problems(Settings(home=sample.home / "none")) == []


def test_an_account_with_old_data_is_reported_once_and_one_with_new_data_is_not(released, webhook):
    alerted = settings_of(released, f"json://127.0.0.1:{webhook.port}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    set_data_through(released, alive=now, dead="2026-01-01T00:00:00+00:00", new=None)
    sensor, cursor = release_sensor(alerted), None
    with dg.DagsterInstance.ephemeral() as instance:
        for dead in ({"dead": "2026-01-01T00:00:00+00:00"}, {}, {"dying": "2026-01-02T00:00:00+00:00"}):
            set_data_through(released, alive=now, **({"dead": "2026-01-01T00:00:00+00:00"} | dead), new=None)
            tick = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor=cursor))
            cursor = tick.cursor

    first, second = [message["message"] for message in webhook.received]
    assert "account dead" in first
    assert "account dying" in second
    assert "account dead" not in second, "it was reported before"
    assert "alive" not in first + second
    assert "account new" not in first + second


@pytest.mark.parametrize("damaged", ["reports.duckdb", "release.json"])
def test_a_damaged_release_is_reported_as_such(released, damaged):
    path = released.published_path / damaged
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])
    (problem, *_) = release_problems(released, datetime(2026, 1, 1, tzinfo=UTC))
    assert "damaged" in problem or "cannot be read" in problem
    assert "make rollback" in problem


def set_webhook(webhook, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CONVERSATIONS_ALERT_URLS", f"json://127.0.0.1:{webhook.port}")
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home))


def test_an_invalid_setting_alerts(webhook, monkeypatch, tmp_path):
    set_webhook(webhook, monkeypatch, tmp_path)
    monkeypatch.setenv("CONVERSATIONS_THREADS", "many")
    assert main(["run"]) == 2
    (message,) = webhook.received
    assert "CONVERSATIONS_THREADS='many'" in message["message"]


@pytest.mark.parametrize("arguments", [["run"], ["run", "--full-refresh"]])
def test_an_invalid_seed_alerts_once(webhook, monkeypatch, tmp_path, arguments):
    set_webhook(webhook, monkeypatch, tmp_path / "home")
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    (tmp_path / "seeds" / "accounts.csv").write_text("account_id\n")
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(tmp_path))
    assert main(arguments) == 2
    (message,) = webhook.received
    assert "accounts.csv" in message["message"]


def test_a_rejected_replay_alerts(webhook, monkeypatch, tmp_path):
    set_webhook(webhook, monkeypatch, tmp_path)
    assert main(["replay", "--accounts", "demo"]) == 1
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    ("error", "code", "messages"),
    [(RuntimeError("an unexpected error"), 1, 1), (KeyboardInterrupt(), 130, 0)],
)
def test_any_error_of_a_command_alerts_except_an_interrupt_by_the_user(
    webhook, monkeypatch, tmp_path, capfd, error, code, messages
):
    def fail(*_):
        raise error

    set_webhook(webhook, monkeypatch, tmp_path)
    monkeypatch.setattr(commands, "run", fail)
    assert main(["run"]) == code
    assert len(webhook.received) == messages
    assert all("RuntimeError: an unexpected error" in message["message"] for message in webhook.received)
    assert ("Traceback" in capfd.readouterr().err) == bool(messages)


@pytest.mark.parametrize(("tags", "messages"), [({}, 1), ({BY_HAND: "true"}, 0)])
def test_the_daemon_alerts_on_a_failed_run_unless_the_command_line_does(sample, webhook, tags, messages):
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
