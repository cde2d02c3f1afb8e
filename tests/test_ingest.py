"""The ingest: every format gives the same rows, each file is loaded once, and a crash loses nothing."""

import csv
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from dagster import AssetKey, DagsterInstance, materialize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporary_home import TemporaryHome, gz, has_changes, jsonl, zst

from orchestration.common import files
from orchestration.ingest import batch, pipeline
from orchestration.ingest.assets import ingest as ingest_asset
from orchestration.ingest.assets import landing
from orchestration.ingest.batch import Batch
from orchestration.ingest.loading import Loader
from orchestration.ingest.parsing import file_bytes
from orchestration.ingest.raw_store import ledger
from orchestration.settings import PROJECT

RECORDS = [
    {
        "id": 1,
        "created_on": "2026-08-31T07:44:00+02:00",
        "status": "CLOSED",
        "contact": "c1",
        "assigned": [{"id": 7, "first_name": "Anna", "last_name": "Neri", "email": "anna@example.com"}],
        "tags": [{"id": 3, "name": "billing; late"}, {"id": 4, "name": 'say "hi"'}],
        "closed_on": 1788162240,
        "novelty": "x",
    },
    {"id": "2", "created_on": "2026-01-15T12:00:00.250Z", "assigned": [], "tags": None, "source": ""},
    {"id": "3", "created_on": "1788162240.5", "channel": "line\nbreak, and more", "last_updated_on": None},
]
COLUMNS = sorted({name for record in RECORDS for name in record})


@pytest.fixture
def home(tmp_path: Path) -> TemporaryHome:
    return TemporaryHome(tmp_path)


def as_csv(records: list[dict], delimiter: str = ",") -> bytes:
    def cell(value: object) -> object:
        return json.dumps(value) if isinstance(value, (list, dict)) else value

    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows({name: cell(record.get(name)) for name in COLUMNS} for record in records)
    return out.getvalue().encode()


def as_parquet(records: list[dict]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "r.json"), Path(folder, "r.parquet")
        source.write_text(json.dumps([{**record, "id": str(record["id"])} for record in records]))
        duckdb.sql(f"COPY (FROM read_json('{source}')) TO '{target}'")
        return target.read_bytes()


FORMATS = {
    "a.jsonl": jsonl(*RECORDS),
    "a.ndjson": b"\xef\xbb\xbf" + jsonl(*RECORDS).replace(b"\n", b"\r\n"),
    "array.json": json.dumps(RECORDS, indent=1).encode(),
    "page.json": json.dumps({"count": 3, "next": None, "results": RECORDS}, indent=1).encode(),
    "pages.json": jsonl({"results": RECORDS[:2]}, {"results": []}, {"results": RECORDS[2:]}),
    "records.json": b"\n".join(json.dumps(record, indent=1).encode() for record in RECORDS),
    "comma.csv": as_csv(RECORDS),
    "semicolon.csv": b"\xef\xbb\xbf" + as_csv(RECORDS, ";"),
    "a.parquet": as_parquet(RECORDS),
    "a.jsonl.gz": gz(jsonl(*RECORDS)),
    "a.jsonl.zst": zst(jsonl(*RECORDS)),
    "array.json.gz": gz(json.dumps(RECORDS).encode()),
    "comma.csv.zst": zst(as_csv(RECORDS)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_typed_rows(home: TemporaryHome, name: str) -> None:
    home.drop(f"conversations/{name}", FORMATS[name])
    result = home.ingest()
    assert [(f.status, f.reason, f.unknown_fields) for f in result.files] == [("loaded", None, ["novelty"])]
    assert home.rejected() == []
    assert home.rows("conversations", "* EXCLUDE (_file, _file_id, _line, _position, _batch_id)") == [
        (
            *("1", datetime(2026, 8, 31, 5, 44), "c1", "CLOSED", None),
            [{"id": "7", "first_name": "Anna", "last_name": "Neri", "email": "anna@example.com"}],
            None,
            [{"id": "3", "name": "billing; late"}, {"id": "4", "name": 'say "hi"'}],
            *(None, None, datetime(2026, 8, 31, 7, 44), "demo"),
        ),
        ("2", datetime(2026, 1, 15, 12, 0, 0, 250000), *[None] * 9, "demo"),
        (
            *("3", datetime(2026, 8, 31, 7, 44, 0, 500000), *[None] * 6),
            *("line\nbreak, and more", None, None, "demo"),
        ),
    ]


def test_a_csv_of_names_and_day_first_dates_is_parsed_in_the_zone_of_the_account(home: TemporaryHome) -> None:
    home.drop(
        "conversations/a.csv",
        'id;created_on;assigned;tags\n1;31/08/2026 07:44;Anna;late; \n2;01/01/2026 07:44:30;;"a;b"\n',
    )
    home.drop("conversations/b.csv", 'id;created_on;assigned;tags\n3;31/08/2026;Anna;"late; new"\n')
    home.ingest()
    assert home.rejected("line, reason") == [(2, "it has 5 columns, the header 4")]
    assert home.rows("conversations", "id, created_on, assigned, tags") == [
        ("2", datetime(2026, 1, 1, 6, 44, 30), None, [{"id": None, "name": "a"}, {"id": None, "name": "b"}]),
        (
            *("3", datetime(2026, 8, 30, 22, 0)),
            [{"id": "Anna", "first_name": "Anna", "last_name": None, "email": None}],
            [{"id": None, "name": "late"}, {"id": None, "name": "new"}],
        ),
    ]


INSTANTS = [
    ("2026-08-31T07:44:00+0200", datetime(2026, 8, 31, 5, 44)),
    ("2026-08-31 07:44+02", datetime(2026, 8, 31, 5, 44)),
    ("2026-08-31T07:44:00", datetime(2026, 8, 31, 5, 44)),
    ("2026-01-31 07:44", datetime(2026, 1, 31, 6, 44)),
    ("2026-08-31", datetime(2026, 8, 30, 22, 0)),
    ("2026-08-31T07:44:00.123456789Z", datetime(2026, 8, 31, 7, 44, 0, 123456)),
    (1788162240, datetime(2026, 8, 31, 7, 44)),
    (1788162240.25, datetime(2026, 8, 31, 7, 44, 0, 250000)),
    ("1788162240", datetime(2026, 8, 31, 7, 44)),
    ("31/08/2026 07:44", datetime(2026, 8, 31, 5, 44)),
    ("1/8/2026 07:44:30", datetime(2026, 8, 1, 5, 44, 30)),
]


def test_a_time_of_any_format_is_stored_in_utc(home: TemporaryHome) -> None:
    home.drop("conversations/a.jsonl", jsonl(*({"id": 1, "created_on": written} for written, _ in INSTANTS)))
    home.ingest()
    assert [instant for (instant,) in home.rows("conversations", "created_on")] == [
        utc for _, utc in INSTANTS
    ]


def test_parquet_times_without_a_zone_are_local_and_lists_are_kept(home: TemporaryHome) -> None:
    path = home.drop("conversations/a.parquet", b"")
    duckdb.sql(f"""COPY (SELECT 5 AS id, TIMESTAMP '2026-08-31 07:44:00' AS created_on,
        TIMESTAMPTZ '2026-08-31 07:44:00+00' AS closed_on, [{{'id': 1, 'name': 'x'}}] AS tags) TO '{path}'""")
    home.ingest()
    assert home.rows("conversations", "id, created_on, closed_on, tags, _line") == [
        ("5", datetime(2026, 8, 31, 5, 44), datetime(2026, 8, 31, 7, 44), [{"id": "1", "name": "x"}], 1)
    ]


def test_a_raw_row_has_its_file_line_and_batch(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", b'\n{"id": 1}\n\n  \n{"id": 2}')
    home.drop("agents/b.csv", 'id,teams\n1,"a\nb"\n\n2,x\n')
    home.drop("agents/c.json", '[{"id": 1}, {"id": 2}]')
    result = home.ingest()
    assert home.rows("agents", "_account_id, _file, _line, id, teams") == [
        ("demo", "demo/agents/a.jsonl", 2, "1", None),
        ("demo", "demo/agents/a.jsonl", 5, "2", None),
        ("demo", "demo/agents/b.csv", 2, "1", ["a\nb"]),
        ("demo", "demo/agents/b.csv", 5, "2", ["x"]),
        ("demo", "demo/agents/c.json", 1, "1", None),
        ("demo", "demo/agents/c.json", 2, "2", None),
    ]
    assert home.rows("agents", "DISTINCT _batch_id, _file, _line")[0][0] == result.batch_id


def test_a_second_ingest_finds_no_changes(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    assert home.ingest().batch_id
    before = home.all_rows()
    assert home.ingest().batch_id is None
    assert home.all_rows() == before


def test_a_missing_or_empty_landing_is_not_an_error(home: TemporaryHome) -> None:
    messages: list[str] = []
    assert home.ingest(messages.append).files == []
    assert "has no files" in messages[0]
    assert home.rows("messages") == home.rejected() == home.ledger() == []


def test_the_same_content_under_another_name_is_loaded_once(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.drop("agents/b.jsonl", jsonl({"id": 1}))
    home.ingest()
    home.drop("agents/c.jsonl", jsonl({"id": 1}))
    home.ingest()
    assert len(home.rows("agents")) == 1
    assert home.ledger("file, status, records_read") == [
        ("demo/agents/a.jsonl", "loaded", 1),
        ("demo/agents/b.jsonl", "duplicate", 0),
        ("demo/agents/c.jsonl", "duplicate", 0),
    ]


def test_files_are_opened_in_parallel_by_all_threads(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, prepare = threading.Barrier(home.settings.threads, timeout=60), file_bytes.prepare

    def prepare_together(*args: object) -> file_bytes.Content:
        together.wait()
        return prepare(*args)

    monkeypatch.setattr(file_bytes, "prepare", prepare_together)
    home.drop("agents/a.jsonl.gz", gz(jsonl({"id": 1})))
    home.drop("agents/b.jsonl.zst", zst(jsonl({"id": 2})))
    assert home.ingest().totals().records_accepted == 2


def test_the_same_content_is_loaded_for_each_account(home: TemporaryHome, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    accounts = "demo,activecampaign,Europe/Rome\nother,activecampaign,America/New_York\n"
    (seeds / "accounts.csv").write_text("account_id,platform,time_zone\n" + accounts)
    (seeds / "csat_scales.csv").write_text("platform,rating_min,rating_max\nactivecampaign,1,5\n")
    home = TemporaryHome(tmp_path / "home", project=tmp_path)
    for account in ("demo", "other"):
        home.drop("conversations/a.jsonl", jsonl({"id": 1, "created_on": "2026-08-31 12:00"}), account)
    home.ingest()
    assert home.rows("conversations", "_account_id, created_on") == [
        ("demo", datetime(2026, 8, 31, 10, 0)),
        ("other", datetime(2026, 8, 31, 16, 0)),
    ]


def test_a_changed_file_is_loaded_and_a_removed_file_changes_nothing(home: TemporaryHome) -> None:
    path = home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": 2}))
    home.ingest()
    path.unlink()
    assert home.ingest().batch_id is None
    assert home.rows("agents", "id, _line") == [("1", 1), ("1", 1), ("2", 2)]


@pytest.mark.parametrize("content", [jsonl({"id": 1}), b"[{"], ids=["loaded", "rejected"])
def test_a_file_with_a_new_time_and_the_same_content_is_unchanged_and_hashed_once(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = home.drop("agents/a.json", content)
    home.ingest()
    before, hashed, file_id = home.all_rows(), [], file_bytes.file_id
    monkeypatch.setattr(file_bytes, "file_id", lambda path: hashed.append(path) or file_id(path))
    os.utime(path, (1, 1))
    assert not has_changes(home.settings)
    assert home.ingest().batch_id is None
    assert not has_changes(home.settings)
    assert hashed == [path]
    assert home.all_rows() == before


def test_a_file_of_the_same_size_with_other_content_is_loaded(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    os.utime(home.drop("agents/a.jsonl", jsonl({"id": 2})), (1, 1))
    assert has_changes(home.settings)
    assert home.ingest().totals().records_accepted == 1


def test_a_duplicate_removed_during_the_ingest_affects_no_other_file(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    copies = [home.drop(f"agents/{name}.jsonl", jsonl({"id": 1})) for name in ("b", "c")]
    home.drop("agents/z.jsonl", jsonl({"id": 2}))
    load = Loader.load

    def remove_one_and_load(loader: Loader, paths: list[str]) -> list:
        copies[0].unlink(missing_ok=True)
        return load(loader, paths)

    monkeypatch.setattr(Loader, "load", remove_one_and_load)
    result = home.ingest()
    assert result.skipped == ["demo/agents/b.jsonl: it is still being written; it is left for the next run"]
    assert [(file.file, file.status) for file in result.files] == [
        ("demo/agents/c.jsonl", "duplicate"),
        ("demo/agents/z.jsonl", "loaded"),
    ]


def test_a_webhook_file_changed_during_the_ingest_affects_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has a ledger row for each entity, and each row is a duplicate."""
    seeds = tmp_path / "seeds"
    shutil.copytree(PROJECT / "seeds", seeds)
    (seeds / "accounts.csv").write_text("account_id,platform,time_zone\nshop,whatsapp_cloud,UTC\n")
    (seeds / "working_hours.csv").write_text("account_id,iso_weekday,opens_at,closes_at\n")
    (seeds / "holidays.csv").write_text("account_id,holiday_on,name\n")
    (seeds / "sla_targets.csv").write_text("account_id,measure,target_minutes,clock\n")
    home = TemporaryHome(tmp_path / "home", project=tmp_path)
    lines = [{"entry": [{"changes": [{"value": {"contacts": [{"wa_id": str(n)}]}}]}]} for n in (1, 2)]
    home.drop("webhooks/a.jsonl", jsonl(lines[0]), "shop")
    home.ingest()
    copy = home.drop("webhooks/b.jsonl", jsonl(lines[0]), "shop")
    home.drop("webhooks/z.jsonl", jsonl(lines[1]), "shop")
    load = Loader.load

    def load_and_append(loader: Loader, paths: list[str]) -> list:
        with copy.open("ab") as stream:
            stream.write(b"\n")
        return load(loader, paths)

    monkeypatch.setattr(Loader, "load", load_and_append)
    result = home.ingest()
    assert {file.file for file in result.files} == {"shop/webhooks/z.jsonl"}
    assert result.totals("contacts").records_accepted == 1


def test_batch_ids_increase_even_if_the_clock_is_set_back(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    folder = ledger.ledger_folder(home.settings)
    next(folder.glob("2*.parquet")).rename(folder / "29990101T000000000000Z.parquet")
    home.drop("agents/b.jsonl", jsonl({"id": 2}))
    assert home.ingest().batch_id == "29990101T000000000001Z"


def test_the_ledger_has_the_result_of_a_file(home: TemporaryHome) -> None:
    first, second = "2026-08-31T07:44:00Z", "2026-08-30T07:44:00Z"
    path = home.drop(
        "conversations/a.jsonl",
        jsonl(
            {"id": 1, "created_on": first, "new": 1}, {"id": 2, "created_on": second, "also": 2}, {"id": 3}
        ),
    )
    home.ingest()
    columns = """account_id, platform, entity, bytes, epoch_us(modified_at), status, reason, records_read,
        records_accepted, records_rejected, unknown_fields, first_at, last_at"""
    assert home.ledger(columns) == [
        (
            *("demo", "activecampaign", "conversations", path.stat().st_size),
            *(path.stat().st_mtime_ns // 1000, "loaded", None, 3, 2, 1, ["also", "new"]),
            *(datetime(2026, 8, 30, 7, 44), datetime(2026, 8, 31, 7, 44)),
        )
    ]


def add_valid_and_invalid_files(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"name": "no id"}))
    home.drop("agents/b.csv", "id\n2\n")
    home.drop("conversations/a.json", json.dumps(RECORDS))
    home.drop("conversations/b.json", "[{")


def test_a_crash_at_any_point_of_the_commit_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted, crashed = TemporaryHome(tmp_path / "uninterrupted"), TemporaryHome(tmp_path / "crashed")
    add_valid_and_invalid_files(uninterrupted)
    add_valid_and_invalid_files(crashed)
    uninterrupted.ingest()
    replace = files.replace

    def crash_after(moves: int) -> Callable[[Path, Path], None]:
        done = itertools.count()

        def replace_or_crash(written: Path, place: Path) -> None:
            if next(done) == moves:
                raise KeyboardInterrupt
            replace(written, place)

        return replace_or_crash

    written = len(list(uninterrupted.settings.home.rglob("2*.parquet")))
    for moves in range(written):
        monkeypatch.setattr(files, "replace", crash_after(moves))
        with pytest.raises(KeyboardInterrupt):
            crashed.ingest()
    monkeypatch.undo()
    assert len(list(crashed.settings.home.rglob("2*.parquet"))) == written - 1
    assert crashed.ingest().batch_id
    assert crashed.all_rows() == uninterrupted.all_rows()
    assert len(list(crashed.settings.home.rglob("2*.parquet"))) == written


def test_unfinished_and_hidden_files_are_ignored(home: TemporaryHome) -> None:
    for name in (".a.jsonl", "a.jsonl.tmp", "a.jsonl.part", "a.jsonl.crdownload"):
        home.drop(f"agents/{name}", jsonl({"id": 1}))
    assert home.ingest().files == []


def test_contents_and_personal_data_never_reach_raw(home: TemporaryHome) -> None:
    message = {
        "id": 1,
        "timestamp": 1788162240,
        "direction": "INBOUND",
        "body": "SECRET",
        "from_number": "SECRET",
    }
    home.drop("messages/a.jsonl", jsonl(message, {**message, "id": None}))
    home.drop("messages/b.csv", "id,timestamp,direction,body\n1,1788162240,INBOUND,SECRET\n")
    home.drop("contacts/a.jsonl", jsonl({"id": 1, "first_name": "SECRET", "phone": "SECRET"}))
    home.ingest()
    assert all("SECRET" not in str(home.rows(entity)) for entity in ("messages", "contacts"))
    assert all(b"SECRET" not in path.read_bytes() for path in home.settings.raw_path.rglob("*.parquet"))
    assert "SECRET" in home.rejected("raw")[0][0]


def test_file_names_with_special_characters_are_literal(home: TemporaryHome) -> None:
    for name in ("a'b.jsonl", "c*d?.jsonl", "[e].jsonl", 'f";--.jsonl', "perché è così.jsonl"):
        home.drop(f"agents/{name}", jsonl({"id": name}))
    home.ingest()
    assert all(file == f"demo/agents/{name}" for file, name in home.rows("agents", "_file, id"))
    assert len(home.rows("agents")) == 5


def test_landing_is_only_read(home: TemporaryHome) -> None:
    add_valid_and_invalid_files(home)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in home.settings.landing_path.rglob("*")}
    home.ingest()
    assert {
        p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in home.settings.landing_path.rglob("*")
    } == before


def test_dagster_shows_every_entity_and_warns_about_unknown_folders(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": None}))
    home.drop("agents/a.jsonl", jsonl({"id": 1}), account="stranger")
    result = materialize(
        [landing, ingest_asset], resources={"settings": home.settings}, instance=DagsterInstance.ephemeral()
    )
    assert result.success
    metadata = result.asset_materializations_for_node("ingest")
    agents = next(event.metadata for event in metadata if event.asset_key == AssetKey(["raw", "agents"]))
    counts = ("files", "records_read", "records_accepted", "records_rejected", "dagster/row_count")
    assert [agents[name].value for name in counts] == [1, 2, 1, 1, 1]
    assert {event.asset_key for event in metadata} == ingest_asset.keys
    shown = {event.asset_key.path[-1]: event.metadata for event in metadata}
    files = shown["ingested_files"]["files_of_latest_batch"].value
    assert "| demo/agents/a.jsonl | loaded | - | 2 | 1 | 1 |" in files
    reasons = shown["rejected_records"]["most_frequent_reasons"].value
    assert (
        "| demo | agents | id is missing | every record must have it | 1 | 1 | demo/agents/a.jsonl |"
        in reasons
    )
    check, erasures = result.get_asset_check_evaluations()
    assert not check.passed
    assert erasures.passed
    assert "stranger" in check.description


LINES = st.lists(
    st.builds(
        lambda number, text, tags: {"id": str(number), "first_name": text, "teams": tags},
        st.integers(0, 10**6),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
        st.lists(st.text("abcé, \"'", min_size=1, max_size=4), max_size=3),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda record: record["id"],
)
WRITERS = {
    ".jsonl": jsonl,
    ".json": lambda *records: json.dumps(records).encode(),
    ".jsonl.gz": lambda *records: gz(jsonl(*records)),
    ".csv": lambda *records: _agents_csv(records, ","),
    "-semicolon.csv": lambda *records: _agents_csv(records, ";"),
}
PROPERTY = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def _agents_csv(records: tuple[dict, ...], delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["id", "first_name", "teams"])
    writer.writerows([r["id"], r["first_name"], json.dumps(r["teams"])] for r in records)
    return out.getvalue().encode()


@PROPERTY
@given(records=LINES, data=st.data())
def test_any_split_over_files_formats_and_runs_gives_the_same_rows(
    records: list[dict], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, rest, number = TemporaryHome(Path(folder)), list(records), 0
        while rest:
            cut = data.draw(st.integers(1, len(rest)))
            suffix = data.draw(st.sampled_from(sorted(WRITERS)))
            home.drop(f"agents/{number}{suffix}", WRITERS[suffix](*rest[:cut]))
            rest, number = rest[cut:], number + 1
            if data.draw(st.sampled_from([False, False, True])):
                home.ingest()
        home.ingest()
        found = home.rows("agents", "id, first_name, teams")
    expected = [(r["id"], r["first_name"] or None, [t.strip() for t in r["teams"]]) for r in records]
    assert sorted((i, n, [t.strip() for t in teams or []]) for i, n, teams in found) == sorted(
        (i, n, teams) for i, n, teams in expected
    )


@PROPERTY
@given(records=LINES, data=st.data())
def test_corrupted_lines_are_rejected_and_unchanged_lines_accepted(
    records: list[dict], data: st.DataObject
) -> None:
    lines = jsonl(*records).splitlines()
    corrupted = data.draw(st.sets(st.integers(0, len(lines) - 1)))
    for index in corrupted:
        junk = data.draw(
            st.binary(min_size=1, max_size=6).filter(lambda b: b"\n" not in b and b"\r" not in b)
        )
        lines[index] = lines[index][: data.draw(st.integers(1, len(lines[index]) - 1))] + b"\x00" + junk
    end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    with tempfile.TemporaryDirectory() as folder:
        home = TemporaryHome(Path(folder))
        home.drop("agents/a.jsonl", end.join(lines))
        (file,) = home.ingest().files
        accepted = home.rows("agents", "_line")
        rejected = home.rejected("line")
    assert (file.records_read, file.records_accepted, file.records_rejected) == (
        len(lines),
        len(lines) - len(corrupted),
        len(corrupted),
    )
    assert [line for (line,) in rejected] == sorted(index + 1 for index in corrupted)
    assert {line for (line,) in accepted} == {index + 1 for index in range(len(lines))} - {
        i + 1 for i in corrupted
    }


def test_a_file_that_grows_during_the_ingest_is_left_for_the_next_one(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds for a file with the same content, which is a duplicate of the first."""
    growing = home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.drop("agents/duplicate.jsonl", jsonl({"id": 1}))
    home.drop("agents/z.jsonl", jsonl({"id": 9}))
    load = Loader.load

    def load_and_append(loader: Loader, paths: list[str]) -> list:
        outputs = load(loader, paths)
        with growing.open("ab") as stream:
            stream.write(jsonl({"id": 2}))
        return outputs

    monkeypatch.setattr(Loader, "load", load_and_append)
    result = home.ingest()
    assert [file.file for file in result.files] == ["demo/agents/z.jsonl"]
    assert result.skipped == ["demo/agents/a.jsonl: it is still being written; it is left for the next run"]
    assert home.rows("agents", "id") == [("9",)]

    monkeypatch.undo()
    assert home.ingest().totals().records_accepted == 4
    assert home.rows("agents", "_file, id")[-2:] == [
        ("demo/agents/duplicate.jsonl", "1"),
        ("demo/agents/z.jsonl", "9"),
    ]


@pytest.mark.parametrize("change", ["removed", "cut", "overwritten"])
def test_a_file_that_changes_before_it_is_read_affects_no_other_file(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    changing = home.drop("agents/a.json", json.dumps([{"id": 1}, {"id": 2}]))
    lines = home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": 2}))
    home.drop("agents/b.json", json.dumps([{"id": 3}]))
    home.drop("agents/b.jsonl", jsonl({"id": 4}))
    changes = {
        "removed": lambda path: path.unlink(),
        "cut": lambda path: os.truncate(path, 5),
        "overwritten": lambda path: path.write_bytes(b"\xff" * 7),
    }
    opened = Batch.open_files

    def open_then_change(*args: object) -> dict:
        found = opened(*args)
        changes[change](changing)
        changes[change](lines)
        return found

    monkeypatch.setattr(Batch, "open_files", open_then_change)
    result = home.ingest()
    assert [file.file for file in result.files] == ["demo/agents/b.json", "demo/agents/b.jsonl"]
    assert len(result.skipped) == 2
    assert home.rows("agents", "id") == [("3",), ("4",)]
    assert home.rejected() == []


def test_the_ingest_waits_only_for_recently_written_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, waits = TemporaryHome(tmp_path, settle_seconds=30), []
    path = home.drop("agents/a.jsonl", jsonl({"id": 1}))
    monkeypatch.setattr("orchestration.ingest.sources.local.time.sleep", waits.append)
    assert home.ingest().totals().records_accepted == 1
    assert 0 < waits.pop() <= 30
    home.drop("agents/b.jsonl", jsonl({"id": 2}))
    os.utime(home.settings.landing_path / "demo/agents/b.jsonl", (1_700_000_000, 1_700_000_000))
    assert home.ingest().totals().records_accepted == 1
    assert waits == []
    home.drop("agents/c.jsonl", jsonl({"id": 3}))
    monkeypatch.setattr("orchestration.ingest.sources.local.time.sleep", lambda _: path.write_bytes(b""))
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": 4}))
    result = home.ingest()
    assert [file.file for file in result.files] == ["demo/agents/c.jsonl"]
    assert [message.split(":")[0] for message in result.skipped] == ["demo/agents/a.jsonl"]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root can write everywhere")
def test_a_read_only_landing_and_an_unreadable_file_do_not_stop_the_ingest(tmp_path: Path) -> None:
    """The test drops the capabilities of root, which can read and write every file."""
    home = TemporaryHome(tmp_path / "home", landing=tmp_path / "landing")
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.drop("agents/b.csv.gz", gz(b"id\r2\r"))
    home.drop("agents/forbidden.jsonl", jsonl({"id": 3})).chmod(0)
    folders = [tmp_path / "landing" / "demo" / "agents", tmp_path / "landing" / "demo", tmp_path / "landing"]
    for folder in folders:
        folder.chmod(0o555)
    drop_capabilities = (
        ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    )
    command = (
        "from orchestration.ingest.pipeline import ingest; from orchestration.settings import Settings;"
        " s = Settings(); print(*ingest(s).skipped); (s.landing_path / 'demo' / 'probe').touch()"
    )
    ended = subprocess.run(
        [*drop_capabilities, sys.executable, "-c", command],
        cwd=PROJECT,
        env=os.environ | home.settings.environment() | {"CONVERSATIONS_LANDING": str(tmp_path / "landing")},
        capture_output=True,
        text=True,
    )
    for folder in folders:
        folder.chmod(0o755)
    assert "forbidden.jsonl: it cannot be opened (Permission denied)" in ended.stdout, ended.stderr
    assert "PermissionError" in ended.stderr, "landing is writable"
    assert home.rows("agents", "id") == [("1",), ("2",)]


def test_the_number_of_queries_does_not_depend_on_the_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def queries(files: int) -> int:
        home, executed = TemporaryHome(tmp_path / str(files)), itertools.count()
        for number in range(files):
            home.drop(f"agents/{number}.jsonl", jsonl({"id": number}))
            home.drop(f"agents/{number}.json", json.dumps([{"id": number + files}]))
            home.drop(f"agents/{number}.csv", f"id\n{number + 2 * files}\n")
        engine = pipeline.engine

        @contextmanager
        def counting_engine(*args: object) -> Iterator[object]:
            with engine(*args) as con:
                yield SimpleNamespace(execute=lambda *query: (next(executed), con.execute(*query))[1])

        monkeypatch.setattr(pipeline, "engine", counting_engine)
        assert home.ingest().totals().records_accepted == 3 * files
        monkeypatch.undo()
        return next(executed)

    assert queries(200) == queries(2)


def test_many_small_files_are_read_in_parts_with_the_same_result(
    home: TemporaryHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = TemporaryHome(tmp_path / "together")
    for each in (home, together):
        for number in range(5):
            each.drop(f"agents/{number}.jsonl", jsonl({"id": number}, {"name": "no id"}, {"id": number + 10}))
        each.drop("agents/copy.jsonl", jsonl({"id": 0}, {"name": "no id"}, {"id": 10}))
    together.ingest()
    monkeypatch.setattr(batch, "MOST_FILES", 2)
    home.ingest()
    assert home.all_rows() == together.all_rows()
    assert len(ledger.parquet_files(home.settings.raw_path / "agents" / "activecampaign")) == 3
