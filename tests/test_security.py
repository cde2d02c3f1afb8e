"""Attacks by the author of an export or by a reader of the release have no effect.

Belongs here: secrets, names, decompression bombs, hostile values in all stages. Does not: access to accounts
(`test_report_app`), nor harmless invalid input (`test_bad_input`).
"""

import csv
import gzip
import html.parser
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from conftest import PLANTED, PLANTED_VARIABLES, project_with
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from temporary_home import TemporaryHome, gz, jsonl, zst

from orchestration.commands import open_instance, run
from orchestration.ingest import pipeline
from orchestration.ingest.pipeline import ingest
from orchestration.ingest.sources.local import settle
from orchestration.publish.page.charts import bars
from orchestration.publish.reader import reader
from orchestration.publish.tables import PUBLISHED
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings
from orchestration.summary import print_summary
from reports.downloads import as_csv

T = "2026-08-31T07:44:00Z"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
SECRETS = [
    str(PLANTED["hash_key"]),
    "planted-alert",
    str(PLANTED["report_access"]),
    str(PLANTED["report_user_header"]),
    *PLANTED_VARIABLES.values(),
]


def record(number: object, **fields: object) -> dict:
    return {"id": number, "created_on": T, **fields}


# Secrets


def content_of(file: Path) -> bytes:
    """Return the content of a file. For Parquet and DuckDB files, which are compressed, return the rows."""
    if file.suffix not in (".parquet", ".duckdb"):
        return file.read_bytes()
    with duckdb.connect() as con:
        if file.suffix == ".parquet":
            rows = con.execute(f"select cast(rows as varchar) from read_parquet('{file}') as rows").fetchall()
            return repr(rows).encode()
        con.execute(f"attach '{file}' as it (read_only)")
        tables = con.execute("select schema_name, table_name from duckdb_tables() where not internal")
        texts = [
            con.execute(f'select cast(rows as varchar) from it."{schema}"."{table}" as rows').fetchall()
            for schema, table in tables.fetchall()
        ]
        texts += con.execute("select macro_definition from duckdb_functions() where not internal").fetchall()
        texts += con.execute("select sql from duckdb_views() where not internal").fetchall()
        return repr(texts).encode()


def assert_no_secret_in(home: Path, output: str) -> None:
    files = [file for file in home.rglob("*") if file.is_file() and file.name != "hash_key"]
    assert {"reports.duckdb", "release.json", "manifest.json", "dbt.log"} <= {file.name for file in files}
    assert [secret for secret in SECRETS if secret in output] == []
    for file in files:
        text = content_of(file)
        assert [secret for secret in SECRETS if secret.encode() in text] == [], file


def test_a_run_writes_no_secret(sample: Settings, sample_output: str) -> None:
    assert sample.hash_key_path.read_text() == PLANTED["hash_key"]
    assert sample.hash_key_path.stat().st_mode & 0o777 == 0o600
    assert_no_secret_in(sample.home, sample_output)


def modes(home: Path) -> dict[str, int]:
    """Return the permissions of all files and folders of a home, without links."""
    found = [path for path in home.rglob("*") if not path.is_symlink()]
    return {path.relative_to(home).as_posix(): path.stat().st_mode & 0o777 for path in found}


def is_open(name: str) -> bool:
    """Return whether other users may read a path: published files, and landing, which belongs to the user."""
    return name.split("/")[0] in ("published", "landing")


def test_other_users_can_only_read_published_files(sample):
    found = modes(sample.home)
    assert sample.home.stat().st_mode & 0o777 == 0o755
    assert [name for name, mode in found.items() if not is_open(name) and mode & 0o077] == []
    published = {name: mode for name, mode in found.items() if name.startswith("published")}
    assert [name for name, mode in published.items() if mode & 0o044 != 0o044 or mode & 0o022] == []
    assert published["published/reports.duckdb"] == 0o444


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_ingested_files_are_private_with_any_umask(tmp_path, umask):
    """The same holds for a home that an earlier version left readable."""
    (tmp_path / "home" / "raw").mkdir(parents=True, mode=0o755) if umask else None
    home = TemporaryHome(tmp_path / "home")
    home.drop("agents/a.jsonl", '{"id": 1}\n{"name": "no id"}')
    command = (
        f"import os; os.umask({umask}); from orchestration.ingest.pipeline import ingest;"
        " from orchestration.settings import Settings; ingest(Settings())"
    )
    subprocess.run(
        [sys.executable, "-c", command],
        cwd=PROJECT,
        env=os.environ | home.settings.environment(),
        check=True,
    )
    found = {name: mode for name, mode in modes(home.settings.home).items() if not is_open(name)}
    assert {name.split("/")[0] for name in found} >= {"raw", "rejected", "run.lock"}
    assert [name for name, mode in found.items() if mode & 0o077] == []


@pytest.mark.slow
def test_a_failed_run_writes_no_secret(sample: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run(["cp", "-r", sample.home, home], check=True)
    (home / "landing" / "demo" / "agents" / "new.jsonl").write_text('{"id": "new"}')
    damaged = list((home / "raw" / "messages" / "activecampaign").glob("*.parquet"))
    for file in damaged:
        file.write_bytes(b"PAR1 no more")
    variables = {f"CONVERSATIONS_{name.upper()}": str(value) for name, value in PLANTED.items()}
    variables |= {"CONVERSATIONS_HOME": str(home), "CONVERSATIONS_DAGSTER": str(home / "dagster")}
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "run"],
        cwd=PROJECT,
        env=os.environ | PLANTED_VARIABLES | variables,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "FAILED" in ended.stdout
    assert "Address 1 of CONVERSATIONS_ALERT_URLS could not be reached" in ended.stdout + ended.stderr
    for file in damaged:  # the content cannot be read
        file.unlink(missing_ok=True)
    assert_no_secret_in(home, ended.stdout + ended.stderr)


# Network


@pytest.mark.slow
@pytest.mark.parametrize(("target", "path"), [("ui", "/server_info"), ("reports", "/_stcore/health")])
def test_a_server_listens_on_localhost_only(tmp_path: Path, target: str, path: str) -> None:
    """A server that listens on all addresses also responds on 127.0.0.2."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"CONVERSATIONS_HOME": str(tmp_path), "PORT": str(port)}
    command = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/installed", target],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    environment |= {"DAGSTER_HOME": str(PROJECT), "CONVERSATIONS_DAGSTER": str(tmp_path / "dagster")}
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=PROJECT,
        env=environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}{path}")
            with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port)):
                pass
        finally:
            os.killpg(server.pid, 2)
            with suppress(subprocess.TimeoutExpired):
                server.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(server.pid, 9)


def wait_for(url: str, seconds: int = 180) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
            return
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.5)


def test_deployed_servers_listen_on_localhost_behind_the_proxy() -> None:
    compose = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    unit = (PROJECT / "deploy" / "systemd" / "conversations-webserver.service").read_text()
    assert re.findall(r"--host (\S+)", unit) == ["127.0.0.1"]


# The published file


def test_a_query_on_the_published_file_cannot_open_another_file(sample: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with reader(sample) as connection:
        for query in (
            f"from read_text('{sample.hash_key_path}')",
            f"from '{other}'",
            f"from glob('{tmp_path}/*')",
            f"copy fct_conversations to '{tmp_path}/stolen.csv'",
            f"attach '{sample.candidate_path}' as it (read_only)",
            "set enable_external_access = true",
            "set lock_configuration = false",
            "load httpfs",
        ):
            with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
                connection.execute(query)
        assert connection.execute("select count(*) from fct_conversations").fetchone() == (2000,)
        written = connection.execute(
            "select macro_definition from duckdb_functions() where not internal and database_name = 'reports'"
        ).fetchall()
    assert len(written) > 10
    assert not [text for (text,) in written if re.search(r"read_|glob|scan_|sniff_|getenv", text or "")]


# Names


@examples(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40),
        min_size=10,
        max_size=20,
        unique=True,
    )
)
def test_any_file_name_is_literal_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    home = TemporaryHome(tmp_path_factory.mktemp("names"))
    special = [
        "a'b",
        "*",
        "?",
        "[!a]",
        "{a,b}",
        "%41",
        "$HOME",
        "; --",
        "a\nb",
        "\x1b[2J",
        "../x".replace("/", "\\"),
    ]
    special += ["è" * 124, " ", "'); drop table files; --", "\u202egpj"]
    written = {f"{name}.jsonl": number for number, name in enumerate([*special, *names])}
    for name, number in written.items():
        home.drop(f"agents/{name}", jsonl({"id": number}))
    result = home.ingest()
    found = {file.split("/", 2)[2]: int(number) for file, number in home.rows("agents", "_file, id")}
    loaded = {name: number for name, number in written.items() if name in found}
    assert found == loaded
    rejected = [name for name in written if name not in found and not name.startswith(".")]
    assert len(result.skipped) == len(rejected)
    assert all(
        "the name is not UTF-8 or contains a control character" in message for message in result.skipped
    )
    assert not any(CONTROL.search(message) or "\n" in message for message in result.skipped)
    assert {"a\nb.jsonl", "\x1b[2J.jsonl", "\u202egpj.jsonl"} <= set(rejected)
    assert {"*.jsonl", "[!a].jsonl", "a'b.jsonl", "%41.jsonl"} <= set(found)


def test_links_out_of_landing_are_not_followed(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path / "home")
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(jsonl({"id": "secret"}))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "more.jsonl").write_bytes(jsonl({"id": "secret too"}))
    home.drop("agents/good.jsonl", jsonl({"id": "good"}))
    demo = home.settings.landing_path / "demo"
    (demo / "agents" / "link.jsonl").symlink_to(secret)
    (demo / "contacts").symlink_to(tmp_path / "folder")
    os.mkfifo(demo / "agents" / "pipe.jsonl")
    (demo / b"\xff\n".decode(errors="surrogateescape")).mkdir()
    result = home.ingest()
    assert home.rows("agents", "id") == [("good",)]
    assert home.rows("contacts", "id") == []
    assert [message.split(":")[0] for message in result.skipped] == [
        "demo/contacts",
        "demo/?\ufffd",
        "demo/agents/link.jsonl",
        "demo/agents/pipe.jsonl",
    ]


@pytest.mark.parametrize("replaced", ["agents/a.jsonl", "agents", "."])
def test_a_file_replaced_by_a_link_before_it_is_read_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    home = TemporaryHome(tmp_path / "home")
    path, secret = home.drop("agents/a.jsonl", jsonl({"id": 1})), tmp_path / "demo" / "agents" / "a.jsonl"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(jsonl({"id": 9}))
    os.utime(secret, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    demo = home.settings.landing_path / "demo"

    def replace_then_settle(files: list, seconds: float) -> tuple[list, list[str]]:
        (demo / replaced).rename(tmp_path / "aside")
        (demo / replaced).symlink_to(tmp_path / "demo" / replaced)
        return settle(files, 0)

    monkeypatch.setattr(pipeline, "settle", replace_then_settle)
    result = home.ingest()
    assert result.batch_id is None
    assert [message.split(":")[0] for message in result.skipped] == ["demo/agents/a.jsonl"]


@pytest.mark.parametrize(
    "account", ["..", ".", "", "a/b", "a\\b", "a:b", " a", "a\nb", "x" * 101, "\u9577" * 80, "\x1b[2J"]
)
def test_an_unsafe_account_name_is_rejected(tmp_path: Path, account: str) -> None:
    (tmp_path / "seeds").mkdir()
    with (tmp_path / "seeds" / "accounts.csv").open("w", newline="") as seed:
        csv.writer(seed).writerows(
            [["account_id", "platform", "time_zone"], [account, "activecampaign", "UTC"]]
        )
    with pytest.raises(SettingsError, match=r"line [23], column account_id: .* is invalid; expected"):
        ingest(Settings(home=tmp_path / "home", project=tmp_path))


@pytest.mark.parametrize("home", ["a'b", "a*", "a?", "[ab]", "{a,b}", 'a"b'])
def test_a_home_with_pattern_characters_is_rejected(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("CONVERSATIONS_HOME", f"/srv/{home}")
    with pytest.raises(SettingsError, match=r"CONVERSATIONS_HOME.*rename the folder"):
        load_settings()


# Decompression bombs and long records

MAX_FILE_BYTES = 32 * 2**20  # maximum bytes of a file during the ingest of the bombs
MAX_MEMORY_MB = 900  # MB; the libraries take a third
INGEST_BOMBS = """
import json, resource, sys
from pathlib import Path
from orchestration.ingest.pipeline import ingest
from orchestration.settings import Settings
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
settings = Settings(home=Path(sys.argv[1]), memory_limit="500MB", threads=2, max_unpacked_gb=1 / 64)
result = ingest(settings)
results = {file.file.split("/")[-1]: [file.status, file.reason] for file in result.files}
# Not ru_maxrss, which includes the memory of the parent process.
peak = next(int(n.split()[1]) for n in open("/proc/self/status") if n.startswith("VmHWM")) // 1024
print(json.dumps([results, result.skipped, peak]))
"""


def test_decompression_bombs_are_rejected_with_bounded_memory_and_disk(tmp_path: Path) -> None:
    """The ingest runs in a separate process with a limit on file sizes, and its memory is measured."""
    home = TemporaryHome(tmp_path)
    zeros, spaces = bytes(2**27), b" " * 2**27
    line = json.dumps(record(1)).encode()
    bombs = {
        "zeros.jsonl.gz": gzip.compress(line + b"\n" + zeros, 1),
        "zeros.jsonl.zst": zst(line + b"\n" + zeros),
        "spaces.json.zst": zst(b"[" + spaces),
        "lines.csv.zst": zst(b'id,created_on\n1,"open' + b"\n" * 2**27),
    }
    for name, content in bombs.items():
        assert len(content) < 2**21
        home.drop(f"conversations/{name}", content)
    rows = home.drop("conversations/rows.parquet", b"")
    duckdb.execute(f"copy (select '1' as id, '{T}' as created_on from range(1_500_000)) to '{rows}'")
    assert rows.stat().st_size < 2**20
    home.drop("conversations/good.jsonl", line)
    home.drop("conversations/good.jsonl.gz", gz(json.dumps(record(2)).encode()))
    ended = subprocess.run(
        [sys.executable, "-c", INGEST_BOMBS, str(tmp_path), str(MAX_FILE_BYTES)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    reasons, _, peak = json.loads(ended.stdout)
    large = ["rejected", "it expands to more than 0.015625 GB"]
    assert {name: reasons[name] for name in [*bombs, "rows.parquet"]} == dict.fromkeys(
        [*bombs, rows.name], large
    )
    assert home.rows("conversations", "id", "activecampaign")[:2] == [("1",), ("2",)]
    assert "CONVERSATIONS_MAX_UNPACKED_GB" in home.rejected("remedy")[0][0]
    assert peak < MAX_MEMORY_MB


def test_a_file_that_needs_too_much_memory_is_skipped_and_others_are_loaded(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path)
    home.settings = home.settings.model_copy(update={"memory_limit": "150MB"})
    deep = "[" * 4_000_000 + "]" * 4_000_000
    home.drop("conversations/deep.json", f'{{"results": [{{"id": 1, "created_on": "{T}", "x": {deep}}}]}}')
    for number in range(2, 5):
        home.drop(f"conversations/{number}.json", json.dumps({"results": [record(number)]}))
    result = home.ingest()
    (message,) = result.skipped
    assert message.startswith("demo/conversations/deep.json: it needs more memory than is available")
    assert "CONVERSATIONS_MEMORY_LIMIT" in message
    assert home.rows("conversations", "id") == [("2",), ("3",), ("4",)]
    home.settings = home.settings.model_copy(update={"memory_limit": "4GB"})
    assert home.ingest().totals().records_accepted == 1


def test_an_unclosed_quotation_mark_takes_linear_time(tmp_path: Path) -> None:
    """With a quadratic algorithm this takes minutes."""
    home = TemporaryHome(tmp_path)
    home.drop("agents/a.csv", 'id,first_name\n1,"open\n' + "2,b\n" * 300_000)
    assert home.ingest().totals().records_rejected == 1
    assert len(home.rows("agents", "id")) == 300_000


# Hostile values from landing to the reports

MARKUP = "<img src=x onerror=hit()>"
ACCOUNT = "o'x\"<imgsrc>&amp;"
TERMINAL = "\x1b[2J\n\u202e"


def hostile(field: str) -> str:
    markdown = "[l](http://e.x)![i](http://e.x)|{{ 7*7 }}"
    return f"=hit|{field}'!A1;=1{MARKUP}{markdown}'; drop table x; -- %s"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    """Return the settings of a home with only hostile texts, and the output of its run."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "seeds").mkdir()
    with (folder / "seeds" / "accounts.csv").open("w", newline="") as seed:
        csv.writer(seed).writerows(
            [["account_id", "platform", "time_zone"], [ACCOUNT, "activecampaign", "UTC"]]
        )
    (folder / "seeds" / "holidays.csv").write_text("account_id,holiday_on,name\n")
    (folder / "seeds" / "working_hours.csv").write_text("account_id,iso_weekday,opens_at,closes_at\n")
    settings = Settings(
        home=folder / "home",
        dagster=folder / "home" / "dagster",
        project=project_with(folder / "seeds", folder / "project"),
        max_rejected_share=1,
        report_period="last_28_days",
    )
    home = TemporaryHome(folder / "home")

    def drop(entity: str, *records: dict) -> None:
        home.drop(f"{entity}/{MARKUP}'*[a].jsonl", jsonl(*records), account=ACCOUNT)

    agent = {name: hostile(name) for name in ("id", "first_name", "last_name", "email")}
    tags = [{"id": hostile("tag"), "name": hostile("tag name") + TERMINAL}]
    contact, conversation = hostile("contact"), hostile("conversation")
    drop("agents", {**agent, "role": hostile("role") + TERMINAL, "teams": [hostile("team")]})
    drop("contacts", {"id": contact, "tags": tags, "source": hostile("source"), "created_on": T})
    drop(
        "conversations",
        {
            "id": conversation,
            "created_on": T,
            "contact": contact,
            "status": "CLOSED",
            "source": "INBOUND",
            "assigned": [agent],
            "assigned_team": hostile("team"),
            "tags": tags,
            "channel": hostile("channel"),
            "closed_on": "2026-08-31T09:44:00Z",
            hostile("unknown field"): 1,
        },
    )
    message = {"conversation": conversation, "contact": contact, "body": hostile("body")}
    drop(
        "messages",
        {**message, "id": hostile("m1"), "timestamp": T, "direction": "INBOUND"},
        {
            **message,
            "id": hostile("m2"),
            "timestamp": "2026-08-31T08:44:00Z",
            "direction": "OUTBOUND",
            "source": "INBOX",
            "sent_by": agent,
            "msg_type": hostile("type"),
            "whatsapp_template": hostile("template"),
            "provider_error_code": hostile("error"),
        },
        {
            **message,
            "id": hostile("m3"),
            "timestamp": TERMINAL + hostile("time"),
            "direction": hostile("direction"),
        },
        {
            **message,
            "id": hostile("m4"),
            "timestamp": "2026-09-02T07:44:00Z",
            "direction": "INBOUND",
            "conversation": "nowhere",
        },
    )
    survey = {"conversation": conversation, "contact": contact, "agent": hostile("id"), "rating": 5}
    drop(
        "surveys",
        {**survey, "id": hostile("survey"), "sent_on": T, "responded_on": T, "comment": hostile("c")},
    )
    with captured() as output:
        assert run(settings) == 0, output.getvalue()
    return settings, output.getvalue()


@contextmanager
def captured() -> Iterator[io.StringIO]:
    output, before = io.StringIO(), sys.stdout
    sys.stdout = output
    try:
        yield output
    finally:
        sys.stdout = before


class Page(html.parser.HTMLParser):
    """The tags and the attributes of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


@pytest.mark.slow
def test_hostile_values_are_published_unchanged(attacked: tuple[Settings, str]) -> None:
    settings, _ = attacked
    with reader(settings) as connection:
        for query, expected in (
            (
                "select account_id, conversation_tags, channel_id from fct_conversations",
                (ACCOUNT, [hostile("tag name") + "[2J"], hostile("channel")),  # without invisible characters
            ),
            (
                "select agent_id, role from dim_agents",
                (f"{ACCOUNT}:{hostile('id')}", (hostile("role") + TERMINAL).lower()),
            ),
            ("select count(*) from fct_messages", (3,)),
        ):
            assert connection.execute(query).fetchall() == [expected]
        tables = connection.execute("select count(*) from duckdb_tables() where schema_name = 'main'")
        assert tables.fetchone() == (len(PUBLISHED),)


@pytest.mark.slow
def test_hostile_values_are_text_on_every_page(attacked: tuple[Settings, str]) -> None:
    settings, _ = attacked
    folder = settings.published_path / "report"
    assert "&lt;img src=x onerror=hit()&gt;" in (folder / f"{ACCOUNT}.last_28_days.en.html").read_text()
    for path in [*folder.iterdir(), *settings.published_path.glob("status*.html")]:
        text = path.read_text()
        page = Page(text)
        assert not page.tags & {"img", "iframe", "object", "embed", "link", "base", "form"}
        assert "script" not in page.tags or path.name.startswith("status")
        assert not {name for name in page.attributes if name.startswith("on") or name == "src"}
        links = re.findall('href="([^"]*)"', text)
        assert all(re.match(r"http://127\.0\.0\.1:8501/|#|[^:]*\.html$", link) for link in links)
        assert "|49" not in text


@pytest.mark.slow
def test_hostile_values_are_text_in_dagster(attacked: tuple[Settings, str]) -> None:
    settings, _ = attacked
    with open_instance(settings) as instance:
        (record,) = instance.get_run_records(limit=1)
        entries = instance.all_logs(record.dagster_run.run_id)
    shown = []
    for entry in entries:
        event = entry.dagster_event
        if event and event.event_type_value == "ASSET_MATERIALIZATION":
            metadata = event.step_materialization_data.materialization.metadata
            shown += [
                value.value for value in metadata.values() if type(value).__name__ == "MarkdownMetadataValue"
            ]
    assert any("&lt;img" in text for text in shown)
    for text in shown:
        plain = re.sub(r"!\[[^\]]*\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]+\)", "", text)
        assert "<" not in plain
        assert not re.search(r"(?<!\\)\]\(", plain), "a link or an image"
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in plain.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, "a cell that breaks its row"


@pytest.mark.slow
def test_hostile_values_are_not_formulas_or_terminal_commands(attacked: tuple[Settings, str]) -> None:
    settings, output = attacked
    assert not CONTROL.search(output)
    with reader(settings) as connection:
        frames = [
            connection.execute(f"from {report}('2026-08-01', '2026-08-31')").df().astype(str)
            for report in ("report_details", "report_by_agent", "report_by_tag")
        ]
    for frame in frames:
        for delimiter in ",;\t":
            cells = csv.reader(
                io.StringIO(as_csv(frame).decode("utf-8-sig"), newline=""), delimiter=delimiter
            )
            assert not [cell for row in cells for cell in row if re.match(r"[=+@]|-\D", cell)]


def test_a_name_with_invalid_xml_characters_is_drawn() -> None:
    """The chart renderer aborts the process at a character that is invalid in XML."""
    names = [f"a{chr(code)}b" for code in (*range(32), *range(127, 160), 0x202E, 0xFFFE, 0xFFFF)]
    assert "a\ufffdb" in bars(pd.DataFrame({"name": names, "number": 1}), 300)


def test_a_value_does_not_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    home = TemporaryHome(tmp_path)
    home.drop(
        "conversations/a.jsonl",
        jsonl(record(1), record(2) | {"created_on": "\x1b]0;owned\x07\u202e"}, record(3)),
    )
    home.ingest()
    print_summary(home.settings, None)
    output = capsys.readouterr().out
    assert "owned" in output
    assert not CONTROL.search(output)
