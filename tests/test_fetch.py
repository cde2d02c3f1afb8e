"""Fetching from the APIs of the platforms over HTTP, from servers with the documented behavior.

Belongs here: the files in landing, the marts, server errors, interrupted fetches, secrets. Does not: webhooks
(`test_receiver`), nor the marts of given records (`test_chatwoot`).
"""

import gzip
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from conftest import project_with
from starlette.responses import JSONResponse, RedirectResponse, Response

from orchestration.automation.jobs import REFRESH
from orchestration.definitions import build_definitions
from orchestration.fetch import landing as landing_files
from orchestration.fetch.__main__ import main
from orchestration.fetch.accounts import FetchResult, fetch_account
from orchestration.fetch.client import FetchError
from orchestration.fetch.connections import connected_accounts, load_connections
from orchestration.settings import PROJECT, Settings, SettingsError
from tests.chatwoot_exports import END, as_in_messages_api, contact, message, random_history
from tests.platform_servers import TOKEN, ActiveCampaign, Chatwoot, Server, json_bytes, once

DAY = 86_400


def history_of(seed: int, conversations: int = 80) -> list[dict]:
    """Return a random history that the API can export. One conversation has many messages."""
    history = sorted(random_history(random.Random(seed), conversations), key=lambda one: one["at"])
    for number, conversation in enumerate(history, start=1):
        conversation["id"] = number
        for sent in conversation["messages"]:
            sent.pop("additional_attributes", None)  # not in the API's list of messages
            if "private" in sent.get("later", (0, {}))[1]:
                del sent["later"]  # the platform never changes a message into a note
    long = history[3]
    start = long["messages"][-1]["at"]
    long["messages"] += [
        message(9000 + n, min(start + n // 3, END), "incoming", contact(501)) for n in range(90)
    ]
    return history


def connect(home: Path, servers: dict[str, Server], **settings: object) -> Settings:
    """Return the settings of a home whose accounts are connected to these servers."""
    platforms = {
        name: "chatwoot" if isinstance(s, Chatwoot) else "activecampaign" for name, s in servers.items()
    }
    rows = [f"{name},{platform},UTC" for name, platform in platforms.items()]
    (home / "seeds").mkdir(parents=True)
    (home / "seeds" / "accounts.csv").write_text("\n".join(["account_id,platform,time_zone", *rows, ""]))
    project = project_with(home / "seeds", home / "project")
    (home / "token").write_text(TOKEN)
    sections = [
        f'[{name}]\nurl = "{server.url}{"" if platforms[name] == "chatwoot" else "/api"}"\n'
        + ("api_account = 1\n" if platforms[name] == "chatwoot" else "")
        + f'token = {{ file = "{home / "token"}" }}\n'
        for name, server in servers.items()
    ]
    (project / "connections.toml").write_text("\n".join(sections))
    return Settings(home=home / "home", project=project, **settings)


def fetch(settings: Settings, account: str = "acme") -> FetchResult:
    (connected,) = connected_accounts(settings, [account])
    return fetch_account(settings, connected, lambda text: None)


def landed(settings: Settings, entity: str, account: str = "acme") -> list[dict]:
    """Return the records in the files of an entity, in order of file and line."""
    records = []
    for path in sorted((settings.landing_path / account / entity).glob("[!.]*")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            page = json.loads(line)
            records += page.get("results") or page.get("payload") or page["data"]["payload"]
    return records


def ids_of(records: list[dict]) -> set:
    return {record["id"] for record in records}


def all_messages(history: list[dict]) -> set:
    return {sent["id"] for conversation in history for sent in conversation["messages"]}


@pytest.fixture
def chatwoot(tmp_path):
    """Yield a server with a history, and the settings of a home that is connected to it."""
    with Chatwoot(history_of(1), now=END + 5000) as server:
        yield server, connect(tmp_path, {"acme": server})


# From the API to the marts


REFERENCE = "reference"


@pytest.fixture(scope="module")
def marts(build, tmp_path_factory):
    """Yield the marts of accounts fetched in several ways, and of the same history as files."""
    home = tmp_path_factory.mktemp("fetch")
    history = history_of(7)
    with (
        Chatwoot(history) as at_once,
        Chatwoot(history) as stepwise,
        Chatwoot(history) as rarely,
        Chatwoot(history) as old,
    ):
        old.updates_without_window = True
        servers = {"at_once": at_once, "stepwise": stepwise, "rarely": rarely, "old": old}
        settings = connect(home, servers)
        for account, server, times in (
            ("at_once", at_once, [END]),
            ("stepwise", stepwise, [30_000, 60_000, 90_000, END]),
            ("rarely", rarely, [30_000, END + 3 * DAY]),
            ("old", old, [60_000, END]),
        ):
            for now in times:
                server.now = now
                server.before = once("/messages", lambda: JSONResponse({}, 429, {"retry-after": "1"}))
                fetch(settings, account)
        write_reference(settings.landing_path / REFERENCE, at_once)
    with (settings.seeds / "accounts.csv").open("a") as accounts:
        accounts.write(f"{REFERENCE},chatwoot,UTC\n")
    with duckdb.connect(build(settings.landing_path, home / "build", settings.seeds), read_only=True) as con:
        yield con, history


def write_reference(folder: Path, server: Chatwoot) -> None:
    started = server.started()
    messages = [as_in_messages_api(c, sent) for c in started for sent in c["messages"]]
    events = [event | {"conversation_display_id": c["id"]} for c in started for event in server.events_of(c)]
    for entity, records in {
        "conversations": [server.with_last(one) for one in started],
        "messages": messages,
        "reporting_events": events,
        "contacts": server.contacts(),
        "agents": server.agents,
        "csat_survey_responses": server.ratings(),
    }.items():
        (folder / entity).mkdir(parents=True)
        (folder / entity / "1.json").write_bytes(json_bytes({"payload": records}))


def rows(con: duckdb.DuckDBPyConnection, table: str, account: str) -> list[tuple]:
    """Return the rows of an account, without the columns that identify the account or the build."""
    columns = [row[0] for row in con.execute(f"describe {table}").fetchall()]
    kept = [name for name in columns if name not in ("account_id", "contact_key", "owner_key", "build_id")]
    listed = ", ".join(f"replace(cast({name} as varchar), '{account}:', '')" for name in kept)
    found = con.execute(f"select {listed} from {table} where account_id = ?", [account])
    return sorted(found.fetchall(), key=repr)


@pytest.mark.parametrize("account", ["at_once", "stepwise", "rarely", "old"])
@pytest.mark.parametrize(
    "table",
    ["fct_conversations", "fct_messages", "fct_conversation_events", "csat_summary", "dim_agents"],
)
def test_the_marts_match_the_data_of_the_api(marts, table, account):
    con, _ = marts
    expected = rows(con, table, REFERENCE)
    assert expected
    assert rows(con, table, account) == expected


def test_every_conversation_has_its_messages(marts):
    con, history = marts
    expected = {
        str(one["id"]): sum(
            sent["kind"] != "activity" and not sent.get("private") for sent in one["messages"]
        )
        for one in history
    }
    for account in ("at_once", "stepwise", "rarely", "old"):
        query = "select source_conversation_id, messages from fct_conversations where account_id = ?"
        found = con.execute(query, [account]).fetchall()
        assert dict(found) == expected, account


# Repeated fetches


def test_a_second_fetch_without_changes_writes_nothing(chatwoot):
    server, settings = chatwoot
    first = fetch(settings)
    assert first.records["conversations"] == 80
    before = {path: path.read_bytes() for path in settings.landing_path.rglob("*.gz")}
    server.now += 3600
    second = fetch(settings)
    assert second.files == []
    assert {path: path.read_bytes() for path in settings.landing_path.rglob("*.gz")} == before


def test_an_account_without_files_in_landing_is_fetched_completely(chatwoot):
    server, settings = chatwoot
    fetch(settings)
    shutil.rmtree(settings.landing_path / "acme")
    server.now += 3600
    assert fetch(settings).records["conversations"] == 80


def test_a_later_fetch_reads_mostly_changed_records(chatwoot):
    server, settings = chatwoot
    fetch(settings)
    server.requests.clear()
    server.now += 3600
    changed = server.history[40]
    changed["messages"].append(message(77_777, END + 6000, "incoming", changed["contact"]))
    second = fetch(settings)
    assert second.records == {"conversations": 1, "messages": len(changed["messages"]), "contacts": 1} | (
        {"reporting_events": len(server.events_of(changed))} if server.events_of(changed) else {}
    )
    assert 77_777 in ids_of(landed(settings, "messages"))
    assert len(server.requests) < 15


def test_the_name_of_an_agent_is_a_change_and_the_availability_is_not(chatwoot):
    server, settings = chatwoot
    fetch(settings)
    server.now += 3600
    server.agents[0]["availability_status"] = "offline"
    assert fetch(settings).files == []
    server.now += 3600
    server.agents[0]["name"] = "Anna Bianchi"
    assert set(fetch(settings).records) == {"agents"}


# A list that changes while it is read


def test_a_conversation_deleted_during_the_listing_hides_no_other(chatwoot):
    server, settings = chatwoot

    def before(request):
        if request.query_params.get("page") == "3" and "sort_by" in request.query_params:
            server.history = [one for one in server.history if one["id"] not in (2, 30, 31)]

    server.before = before
    fetch(settings)
    assert ids_of(landed(settings, "conversations")) >= ids_of(server.history)
    assert ids_of(landed(settings, "messages")) >= all_messages(server.history)


def test_a_message_written_during_the_listing_is_fetched(chatwoot):
    server, settings = chatwoot
    early = server.history[0]

    def before(request):
        if request.query_params.get("page") == "3" and "sort_by" in request.query_params:
            server.now += 50
            early["messages"].append(message(88_888, server.now, "incoming", early["contact"]))
            server.before = lambda request: None

    server.before = before
    fetch(settings)
    assert 88_888 in ids_of(landed(settings, "messages"))


def test_a_conversation_deleted_before_its_messages_are_read_is_skipped(chatwoot):
    server, settings = chatwoot
    server.before = once("conversations/5/messages", lambda: JSONResponse({}, 404))
    assert fetch(settings).records["conversations"] == 80


# Server errors


@pytest.mark.parametrize(
    ("status", "headers", "pause"), [(429, {"retry-after": "2"}, 2), (500, {}, 0.9), (503, {}, 0.9)]
)
def test_a_temporary_error_is_retried(chatwoot, status, headers, pause):
    server, settings = chatwoot
    server.before = once("page=2", lambda: JSONResponse({"error": "later"}, status, headers))
    started_at = time.monotonic()
    assert fetch(settings).records["conversations"] == 80
    assert time.monotonic() - started_at >= pause
    assert ids_of(landed(settings, "messages")) == all_messages(server.history)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (lambda: JSONResponse({"errors": ["Invalid Access Token"]}, 401), "the token was rejected"),
        (lambda: JSONResponse({}, 403), "an administrator's token"),
        (lambda: JSONResponse({}, 404), "check url and api_account"),
        (lambda: Response("<html>Welcome</html>"), "the answer has no list of records"),
        (lambda: JSONResponse({"payload": {"id": 1}}), "the answer has no list of records"),
        (lambda: JSONResponse([{"name": "no id"}]), "the answer has no list of records"),
    ],
)
def test_a_permanent_error_names_account_address_and_remedy(
    chatwoot, capsys, monkeypatch, response, expected
):
    server, settings = chatwoot
    server.before = once("/agents", response)
    assert run_command(settings, monkeypatch) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"FAILED: acme: {server.url}/api/v1/accounts/1/agents: ")
    assert expected in error
    assert TOKEN not in error


def run_command(settings: Settings, monkeypatch, *accounts: str) -> int:
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(settings.project))
    return main(list(accounts))


def test_the_token_does_not_follow_a_redirect(chatwoot):
    server, settings = chatwoot
    with Server() as other:
        server.before = once("/agents", lambda: RedirectResponse(other.url + "/agents"))
        with pytest.raises(FetchError, match="redirects to another address"):
            fetch(settings)
        assert other.requests == []


def test_without_the_enterprise_edition_the_result_reports_the_missing_metrics(chatwoot):
    server, settings = chatwoot
    server.enterprise = False
    fetched = fetch(settings)
    assert [note.split(":")[0] for note in fetched.notes] == ["reporting_events"]
    assert "Reopens, hand-offs" in fetched.notes[0]
    assert not (settings.landing_path / "acme" / "reporting_events").exists()


# Interrupted fetches


def test_a_failed_fetch_resumes(chatwoot, monkeypatch):
    server, settings = chatwoot
    monkeypatch.setattr(landing_files, "FLUSH_BYTES", 20_000)
    server.before = once("conversations/70/messages", lambda: JSONResponse({}, 403))
    with pytest.raises(FetchError):
        fetch(settings)
    server.requests.clear()
    fetch(settings)
    requested = Counter(request.split("?")[0].split("/conversations/")[-1] for request in server.requests)
    assert requested["1/messages"] == 0
    assert requested["70/messages"] >= 1
    assert ids_of(landed(settings, "conversations")) == ids_of(server.history)
    assert ids_of(landed(settings, "messages")) == all_messages(server.history)


def test_a_killed_fetch_resumes_without_loss(chatwoot):
    server, settings = chatwoot
    command = (
        "import sys; from orchestration.fetch import landing; landing.FLUSH_BYTES = 20_000;"
        " from orchestration.fetch.__main__ import main; sys.exit(main(['acme']))"
    )
    environment = os.environ | {
        "CONVERSATIONS_HOME": str(settings.home),
        "CONVERSATIONS_PROJECT": str(settings.project),
    }
    process = subprocess.Popen([sys.executable, "-c", command], cwd=PROJECT, env=environment)

    def before(request):
        if "conversations/60/messages" in str(request.url):
            process.send_signal(signal.SIGKILL)
            process.wait()

    server.before = before
    assert process.wait(timeout=60) == -signal.SIGKILL
    unfinished = list(settings.landing_path.rglob(".fetch-*"))
    assert unfinished, "the fetch was killed between two files"
    server.before = lambda request: None
    server.requests.clear()
    fetch(settings)
    assert server.count("conversations/1/messages") == 0
    assert server.count("conversations/60/messages") == 1
    assert ids_of(landed(settings, "conversations")) == ids_of(server.history)
    assert ids_of(landed(settings, "messages")) == all_messages(server.history)
    assert not any(path.exists() for path in unfinished)


def test_a_second_fetch_of_an_account_is_rejected_while_one_runs(chatwoot):
    server, settings = chatwoot
    errors = []

    def before(request):
        if "page=2" in str(request.url) and not errors:
            with pytest.raises(FetchError) as error:
                fetch(settings)
            errors.append(str(error.value))

    server.before = before
    fetch(settings)
    assert errors == ["another fetch of account acme is in progress; wait until it ends"]


def test_a_damaged_progress_file_is_named_with_the_remedy(chatwoot):
    _, settings = chatwoot
    fetch(settings)
    (settings.fetch_path / "acme.json").write_text('{"parts": ')
    with pytest.raises(FetchError, match=r"acme\.json is damaged; remove it"):
        fetch(settings)


# ActiveCampaign


def activecampaign_records(count: int) -> tuple[list[dict], list[dict], list[dict]]:
    conversations = [
        {
            "id": f"c-{number}",
            "contact": f"p-{number % 7}",
            "status": "NEW",
            "source": "INBOX",
            "created_on": "2026-08-31T07:44:00Z",
            "assigned": [{"id": 5, "first_name": "Anna", "account": 1}],
            "tags": [{"id": 1, "name": "vip"}],
            "first_message": {
                "id": f"m-{number}",
                "timestamp": "2026-08-31T07:44:00Z",
                "direction": "INBOUND",
                "contact": f"p-{number % 7}",
                "status": "received",
                "body": "Buongiorno",
            },
        }
        for number in range(count)
    ]
    contacts = [{"id": f"p-{n}", "phone": "+39333", "tags": [], "source": "INBOX"} for n in range(7)]
    agents = [{"id": 5, "first_name": "Anna", "last_name": "Neri", "teams": [{"id": 3, "name": "Sales"}]}]
    return conversations, contacts, agents


@pytest.fixture
def activecampaign(tmp_path):
    with ActiveCampaign(*activecampaign_records(230)) as server:
        yield server, connect(tmp_path, {"acme": server}, settle_seconds=0)


def test_activecampaign_exports_conversations_first_messages_contacts_and_agents(activecampaign):
    from orchestration.ingest.pipeline import ingest

    _, settings = activecampaign
    fetched = fetch(settings)
    assert fetched.records == {"conversations": 230, "messages": 230, "contacts": 7, "agents": 1}
    assert {note.split(":")[0] for note in fetched.notes} == {"messages", "surveys", "conversation_events"}
    result = ingest(settings)
    assert (result.totals(None).records_accepted, result.totals(None).records_rejected) == (468, 0)
    with duckdb.connect() as con:
        unknown = con.execute(
            f"select distinct unnest(unknown_fields) from '{settings.raw_path}/ingested_files/*.parquet'"
        )
        assert unknown.fetchall() == []
    with duckdb.connect() as con:
        raw = f"'{settings.raw_path}/messages/activecampaign/*.parquet'"
        pairs = con.execute(f"select id, conversation from {raw}").fetchall()
    assert set(pairs) == {(f"m-{number}", f"c-{number}") for number in range(230)}


def test_activecampaign_writes_every_change_of_a_record_and_nothing_else(activecampaign):
    server, settings = activecampaign
    fetch(settings)
    assert fetch(settings).files == []
    server.conversations.insert(0, server.conversations.pop())  # the order is not a change
    for status in ("CLOSED", "NEW"):
        server.conversations[17]["status"] = status
        fetched = fetch(settings)
        assert fetched.records == {"conversations": 1, "messages": 1}
    states = [one["status"] for one in landed(settings, "conversations") if one["id"] == "c-16"]
    assert states == ["NEW", "CLOSED", "NEW"]


def test_activecampaign_is_listed_again_if_records_shift_between_pages(activecampaign):
    server, settings = activecampaign

    def before(request):
        if request.url.path.endswith("/conversation") and request.query_params["page"] == "2":
            server.conversations.append(server.conversations.pop(0))  # shifts the position of all others
            server.before = lambda request: None

    server.before = before
    assert len(ids_of(server.conversations)) == 230
    fetch(settings)
    assert ids_of(landed(settings, "conversations")) == ids_of(server.conversations)


# Secrets and permissions


def test_files_and_logs_contain_no_secret_and_files_are_private(chatwoot, caplog, capfd, monkeypatch):
    server, settings = chatwoot
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")  # of dlt
    monkeypatch.setenv("DAGSTER_HOME", str(settings.home / "dagster"))
    (settings.home / "dagster").mkdir(parents=True)
    with any_umask(), dg.DagsterInstance.get() as instance:
        job = build_definitions(settings).resolve_job_def("fetch")
        outcome = job.execute_in_process(instance=instance)
        assert outcome.success
        (event,) = outcome.asset_materializations_for_node("fetch_exports")
        assert event.asset_key == dg.AssetKey(["landing", "acme"])
        assert event.metadata["conversations"].value == 80
        server.before = lambda request: JSONResponse({}, 401)
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    (settings.home.parent / "token").unlink()
    shown = caplog.text + "".join(capfd.readouterr())
    assert "page=2" in shown, "requests are not logged, so the test proves nothing"
    assert TOKEN not in shown
    for path in settings.home.parent.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    for path in [*settings.landing_path.rglob("*"), settings.landing_path, *settings.fetch_path.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert not any(TOKEN in request for request in server.requests)


@contextmanager
def any_umask() -> Iterator[None]:
    """Use a umask with which new files are readable by everyone, unless the program restricts them."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


# Configuration


INVALID_CONNECTIONS = {
    "unclosed": ("[acme", "not valid TOML"),
    "unknown account": ('[nowhere]\nurl = "https://x.it"', "no account of accounts.csv (known: acme"),
    "secret in the file": (
        '[acme]\nurl = "https://x.it"\napi_account = 1\ntoken = "planted-literal"',
        "a secret itself must not be in this file",
    ),
    "two references": (
        '[acme]\nurl = "https://x.it"\napi_account = 1\ntoken = { env = "A", file = "b" }',
        "either an environment variable",
    ),
    "plain http": (
        '[acme]\nurl = "http://app.chatwoot.com"\napi_account = 1\ntoken = { env = "A" }',
        "expected https",
    ),
    "password in the address": (
        '[acme]\nurl = "https://u:planted-literal@x.it"\napi_account = 1\ntoken = { env = "A" }',
        "must not contain a user, password",
    ),
    "no address": ('[acme]\nurl = "app.chatwoot.com"\ntoken = { env = "A" }', "expected an address such as"),
    "no token": ('[acme]\nurl = "https://x.it"\napi_account = 1', "token: missing"),
    "no api_account": ('[acme]\nurl = "https://x.it"\ntoken = { env = "A" }', "api_account: missing"),
    "unknown key": ('[acme]\nulr = "https://x.it"', "ulr: unknown key"),
    "no webhook secret": ("[acme.webhooks]", "webhooks: secret is missing"),
    "WhatsApp has no API": (
        '[phone]\nurl = "https://x.it"\ntoken = { env = "A" }',
        "whatsapp_cloud has no API of past conversations",
    ),
    "WhatsApp needs both": (
        '[phone.webhooks]\nsecret = { env = "A" }',
        "secret (the app secret) and verify_token are both required",
    ),
}


@pytest.mark.parametrize("case", INVALID_CONNECTIONS)
def test_an_invalid_connection_names_file_account_and_key(tmp_path, case):
    content, expected = INVALID_CONNECTIONS[case]
    settings = connect(tmp_path, {})
    accounts = "account_id,platform,time_zone\nacme,chatwoot,UTC\nphone,whatsapp_cloud,UTC\n"
    (settings.seeds / "accounts.csv").write_text(accounts)
    settings.connections_path.write_text(content)
    with pytest.raises(SettingsError) as error:
        load_connections(settings)
    assert expected in str(error.value)
    assert str(error.value).startswith(str(settings.connections_path))
    assert "planted-literal" not in str(error.value)


def test_a_missing_secret_is_named_by_variable_or_file(chatwoot, monkeypatch, capsys):
    _, settings = chatwoot
    (settings.home.parent / "token").unlink()
    assert run_command(settings, monkeypatch) == 1
    assert "[acme] token: the file" in capsys.readouterr().err
    text = (
        settings.connections_path.read_text()
        .replace("file = ", "env = ")
        .replace(str(settings.home.parent / "token"), "ACME_TOKEN")
    )
    settings.connections_path.write_text(text)
    assert run_command(settings, monkeypatch) == 1
    assert "the environment variable ACME_TOKEN is not set" in capsys.readouterr().err
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    assert run_command(settings, monkeypatch, "acme") == 0
    assert "80 conversations" in capsys.readouterr().out


def test_an_unconnected_account_is_named(chatwoot, monkeypatch, capsys):
    _, settings = chatwoot
    assert run_command(settings, monkeypatch, "demo") == 2
    assert "account demo has no url" in capsys.readouterr().err


def test_the_refresh_does_not_fetch_and_the_schedule_is_off(chatwoot):
    _, settings = chatwoot
    definitions = build_definitions(settings)
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    fetched = dg.AssetKey(["landing", "acme"])
    assert graph.get(fetched).description
    assert fetched in graph.get(dg.AssetKey("landing")).parent_keys
    assert fetched not in REFRESH.selection.resolve(graph)
    schedule = repository.get_schedule_def("fetch")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "*/30 * * * *"


def test_a_failed_account_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    late = END + 5000
    with Chatwoot(history_of(1, 5), late) as bad, Chatwoot(history_of(1, 5), late) as good:
        settings = connect(tmp_path, {"bad": bad, "good": good})
        bad.before = lambda request: JSONResponse({}, 401)
        assert run_command(settings, monkeypatch) == 1
    output = capsys.readouterr()
    assert "FAILED: bad" in output.err
    assert "good: 5 conversations" in output.out
