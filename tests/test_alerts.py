"""What reaches people who are not looking: by webhook and by e-mail, and never a secret.

Belongs here: the messages and their way out, received by real servers. Does not: when runs fail.
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
from orchestration.publish.release import NOTE, current_release, write_note
from orchestration.settings import PROJECT, Settings


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

    def forget() -> None:
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

    assert materialize(hook).startswith("not again")
    assert len(webhook.received) == 1
    forget()
    assert materialize("json://user:S3CRET@127.0.0.1:9/", hook) == (
        "to 1 of 2 addresses; not to address 1 of CONVERSATIONS_REPORT_URLS"
    )
    assert len(webhook.received) == 2
    assert "S3CRET" not in caplog.text
    forget()
    assert materialize() == "off"


def test_secrets_are_not_shown_with_the_settings(sample):
    settings = settings_of(sample, "json://user:S3CRET@127.0.0.1").model_copy(
        update={"report_urls": SecretStr("json://user:S3CRET@127.0.0.1")}
    )
    assert "S3CRET" not in repr(settings) + str(settings) + repr(settings.environment())


@pytest.fixture
def released(sample, tmp_path) -> Settings:
    """Return the settings of a home with the sample's release only, to be changed."""
    shutil.copytree(sample.published_path, tmp_path / "published")
    return Settings(home=tmp_path, dagster=tmp_path / "dagster")


def state_accounts(settings: Settings, **ends: str | None) -> None:
    """Write into the release's notes when the data of each account end."""
    release = current_release(settings)
    accounts = {name: {"time_zone": "UTC", "data_through": end} for name, end in ends.items()}
    for folder in (settings.published_path, settings.published_path / release.folder):
        write_note(replace(release, accounts=accounts), folder / NOTE)


def test_old_data_and_an_old_release_are_reported_apart(sample):
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


def test_an_account_whose_data_end_is_reported_once_beside_one_that_goes_on(released, webhook):
    alerted = settings_of(released, f"json://127.0.0.1:{webhook.port}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    state_accounts(released, alive=now, dead="2026-01-01T00:00:00+00:00", new=None)
    sensor, cursor = release_sensor(alerted), None
    with dg.DagsterInstance.ephemeral() as instance:
        for dead in ({"dead": "2026-01-01T00:00:00+00:00"}, {}, {"dying": "2026-01-02T00:00:00+00:00"}):
            state_accounts(released, alive=now, **({"dead": "2026-01-01T00:00:00+00:00"} | dead), new=None)
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


def send_to(webhook, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CONVERSATIONS_ALERT_URLS", f"json://127.0.0.1:{webhook.port}")
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home))


def test_a_command_that_an_invalid_setting_stops_alerts(webhook, monkeypatch, tmp_path):
    send_to(webhook, monkeypatch, tmp_path)
    monkeypatch.setenv("CONVERSATIONS_THREADS", "many")
    assert main(["run"]) == 2
    (message,) = webhook.received
    assert "CONVERSATIONS_THREADS='many'" in message["message"]


@pytest.mark.parametrize("arguments", [["run"], ["run", "--full-refresh"]])
def test_a_command_that_an_invalid_seed_stops_alerts_once(webhook, monkeypatch, tmp_path, arguments):
    send_to(webhook, monkeypatch, tmp_path / "home")
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    (tmp_path / "seeds" / "accounts.csv").write_text("account_id\n")
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(tmp_path))
    assert main(arguments) == 2
    (message,) = webhook.received
    assert "accounts.csv" in message["message"]


def test_a_rejected_replay_alerts(webhook, monkeypatch, tmp_path):
    send_to(webhook, monkeypatch, tmp_path)
    assert main(["replay", "--accounts", "demo"]) == 1
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    ("error", "code", "messages"), [(RuntimeError("of any cause"), 1, 1), (KeyboardInterrupt(), 130, 0)]
)
def test_a_command_that_fails_of_any_cause_alerts_unless_its_user_ends_it(
    webhook, monkeypatch, tmp_path, capfd, error, code, messages
):
    def fail(*_):
        raise error

    send_to(webhook, monkeypatch, tmp_path)
    monkeypatch.setattr(commands, "run", fail)
    assert main(["run"]) == code
    assert len(webhook.received) == messages
    assert all("RuntimeError: of any cause" in message["message"] for message in webhook.received)
    assert ("Traceback" in capfd.readouterr().err) == bool(messages)


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
