"""Publishing: a release replaces the one before it as a whole, or not at all."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import synthetic_candidate

from orchestration.common.files import copy
from orchestration.publish import build as building
from orchestration.publish import store
from orchestration.publish.assets import build_publish_assets
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, current_release, is_intact
from orchestration.publish.report_macros import FOLDER, MACROS
from orchestration.publish.store import outdated_releases, publish, rollback
from orchestration.publish.tables import PUBLISHED, TABLES
from orchestration.quality.check import CheckResult
from orchestration.quality.marts import MARTS
from orchestration.quality.results import store_results
from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds

CHECKS = {"passed": ["marts/fct_messages:unique"], "warned": ["marts/fct_messages:unknown conversations"]}


@pytest.fixture(scope="module")
def published_home(tmp_path_factory):
    """Return the settings of a home with a candidate and its release. Tests copy it."""
    settings = Settings(home=tmp_path_factory.mktemp("published_home"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path)
    release_now(settings)
    return settings


@pytest.fixture
def settings(tmp_path, published_home):
    shutil.copy(published_home.candidate_path, tmp_path)
    return Settings(home=tmp_path, memory_limit="500MB", threads=1, keep_releases=2)


@pytest.fixture
def old(published_home, settings):
    """Return the release that is current at the start of a test."""
    shutil.copytree(published_home.published_path, settings.published_path)
    return current_release(settings)


def release_now(settings, build=None):
    """Publish the candidate. If `build` is given, first add an increment with this id and fingerprint."""
    if build:
        synthetic_candidate.increment(settings.candidate_path, build, build)
    return publish(settings, CHECKS)


def without_parquet(settings):
    return settings.model_copy(update={"parquet": False})


def change(settings, sql):
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(sql)


def names(folder: Path):
    return sorted(path.name for path in folder.iterdir())


def assert_intact(settings, release):
    """Assert that readers see the complete release, and that no other file exists."""
    assert current_release(settings) == release
    assert names(settings.published_path) == ["release.json", "releases", "reports.duckdb"]
    with reader(settings) as connection, duckdb.connect() as other_connection:
        for table, rows in release.rows.items():
            parquet = settings.published_path / release.parquet / f"{table}.parquet"
            assert connection.execute(f"select count(*) from {table}").fetchone() == (rows,)
            assert other_connection.execute(f"select count(*) from '{parquet}'").fetchone() == (rows,)


def in_another_process(settings, query):
    code = f"import duckdb; print(duckdb.connect({str(settings.published_path / 'reports.duckdb')!r}, True)"
    command = [sys.executable, "-c", code + f'.execute("{query}").fetchone()[0])']
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_a_release_contains_the_tables_of_the_candidate_and_described_macros(settings, old):
    path = settings.published_path / "reports.duckdb"
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        by_schema = {schema: sorted(name for of, name in found if of == schema) for schema, _ in found}
        assert by_schema == {
            "main": sorted(PUBLISHED),
            "reporting": [
                "rpt_conversations",
                "rpt_counts_by_day",
                "rpt_coverage",
                "rpt_open_periods",
                "rpt_tags",
                "rpt_turns",
            ],
            "build": ["builds", "changes"],
        }
        assert connection.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
        comments = connection.execute(
            "select comment from duckdb_tables() where table_name = 'fct_conversations'"
            " union all select comment from duckdb_columns()"
            " where table_name = 'fct_conversations' and comment is not null"
        ).fetchall()
        assert comments == [("One row per conversation",), ("How it began; a reader's word",)]
        undescribed = connection.execute(
            "select table_name from duckdb_tables() where comment is null union all"
            " select function_name from duckdb_functions()"
            " where not internal and not starts_with(function_name, '_') and comment is null"
        ).fetchall()
        assert undescribed == []
        tags = connection.execute("select tags['storage_version'] from duckdb_databases()").fetchall()
        assert ("v1.5.0+",) in tags


def test_every_macro_file_is_part_of_a_release():
    files = {path.stem for path in FOLDER.iterdir()}
    assert files == set(MACROS)


def test_a_release_has_its_manifest_in_the_database_and_in_a_file(settings):
    before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    release = release_now(settings)
    note = json.loads((settings.published_path / "release.json").read_text())
    with duckdb.connect(settings.candidate_path) as connection:
        latest = {
            account: f"{sent_at:%Y-%m-%dT%H:%M:%SZ}"
            for account, sent_at in connection.execute(
                "select account_id, max(sent_at) from fct_messages group by account_id"
            ).fetchall()
        }
    assert before <= note["published_at"] <= datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert note["data_through"] == max(latest.values())
    assert note["accounts"] == {
        account: {"time_zone": zone, "data_through": latest[account]}
        for account, zone in synthetic_candidate.ACCOUNTS.items()
    }
    assert note["rows"]["fct_conversations"] == 300
    assert note["rows"]["fct_messages"] == 1800
    assert note["checks"] == CHECKS
    assert note["source_files"] == 2
    assert note["fingerprint"] == synthetic_candidate.FINGERPRINT
    assert note["build_id"] == synthetic_candidate.BUILD
    assert note["parquet"] == f"releases/{release.release_id}"
    with reader(settings) as connection:
        row = connection.execute(
            "select release_id, strftime(data_through, '%Y-%m-%dT%H:%M:%SZ'), source_files, checks_passed,"
            " checks_warned, code_version, fingerprint, build_id, parquet from release()"
        ).fetchone()
    assert row == (
        release.release_id,
        release.data_through,
        2,
        1,
        1,
        release.code_version,
        release.fingerprint,
        release.build_id,
        release.parquet,
    )
    assert current_release(settings) == release


def test_an_open_reader_keeps_the_old_release_and_new_readers_get_the_new_one(settings, old):
    query = "select release_id from release()"
    linked = settings.home / "linked"
    linked.hardlink_to(settings.published_path / "reports.duckdb")
    content = linked.read_bytes()
    with duckdb.connect(settings.published_path / "reports.duckdb", read_only=True) as connection:
        change(settings, "delete from bridge_conversation_tags")
        new = release_now(settings)
        assert connection.execute(query).fetchone() == (old.release_id,)
        count = connection.execute("select count(*) from bridge_conversation_tags").fetchone()
        assert count == (old.rows["bridge_conversation_tags"],)
        assert in_another_process(settings, query) == new.release_id
        assert current_release(settings) == new
    assert linked.read_bytes() == content


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        (
            "alter table dim_contacts add column email varchar;"
            " alter table dim_contacts add column who struct(first_name varchar)",
            "dim_contacts.email, dim_contacts.who",
        ),
        ("drop table agg_by_tag", "no table agg_by_tag"),
        (
            "alter table reporting.rpt_conversations add column phone varchar",
            "rpt_conversations.phone",
        ),
        ("alter table fct_messages drop column sent_hour", "sent_hour"),
    ],
)
def test_a_candidate_with_wrong_tables_or_columns_is_not_published(settings, old, sql, complaint):
    change(settings, sql)
    with pytest.raises(PublishError, match=complaint):
        release_now(settings)
    assert_intact(settings, old)


@pytest.mark.parametrize("table", ["agg_by_tag", "reporting.rpt_conversations", "build.builds"])
def test_a_row_lost_in_the_copy_is_detected_before_the_swap(settings, old, monkeypatch, table):
    def copy_without_a_row(source, target):
        copy(source, target)
        with duckdb.connect(target) as connection:
            connection.execute(f"delete from {table} where rowid = (select min(rowid) from {table})")

    synthetic_candidate.increment(settings.candidate_path)
    monkeypatch.setattr(building, "copy", copy_without_a_row)
    with pytest.raises(PublishError, match=rf"{table}: \d+ rows in the release"):
        release_now(settings)
    assert_intact(settings, old)


def test_a_change_that_no_build_recorded_is_detected_before_the_swap(settings, old):
    synthetic_candidate.increment(settings.candidate_path)
    first = "(select min(message_id) from fct_messages where sent_on < '2026-04-01')"
    change(settings, f"delete from fct_messages where message_id = {first}")
    with pytest.raises(PublishError, match="fct_messages: 1801 rows in its Parquet, expected 1800"):
        release_now(settings)
    assert_intact(settings, old)


def test_rows_without_a_day_are_in_a_parquet_file(settings):
    change(settings, "update fct_messages set sent_on = null where message_id like '%7'")
    release = release_now(settings)
    assert_intact(settings, release)
    assert "none.parquet" in names(settings.published_path / release.parquet / "fct_messages.parquet")


def test_changes_in_the_wal_file_of_the_candidate_are_published(settings, old):
    code = (
        "import duckdb, os, sys; connection = duckdb.connect(sys.argv[1]);"
        "connection.execute('pragma disable_checkpoint_on_shutdown');"
        "connection.execute('delete from bridge_conversation_tags'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(settings.candidate_path)])
    assert settings.candidate_path.with_name("candidate.duckdb.wal").exists()
    new = release_now(settings)
    assert new.rows["bridge_conversation_tags"] == 0
    assert_intact(settings, new)


def test_a_publication_does_not_change_the_candidate(settings):
    before = settings.candidate_path.read_bytes()
    release_now(settings)
    assert settings.candidate_path.read_bytes() == before


def test_a_home_without_a_publication_has_no_release(settings):
    assert current_release(settings) is None


def test_a_missing_candidate_is_an_error_with_a_remedy(settings):
    settings.candidate_path.unlink()
    with pytest.raises(PublishError, match=r"No candidate at .*: build the marts first"):
        release_now(settings)


def test_a_damaged_candidate_is_an_error_with_a_remedy(settings, old):
    settings.candidate_path.write_bytes(b"half written")
    with pytest.raises(PublishError, match=r"candidate did not complete\..* or the file is damaged"):
        release_now(settings)
    assert_intact(settings, old)


def test_a_candidate_whose_last_build_did_not_complete_is_not_published(settings, old):
    synthetic_candidate.increment(settings.candidate_path, completes=False)
    with pytest.raises(PublishError, match="last build of the candidate did not complete"):
        release_now(settings)
    assert_intact(settings, old)


def test_a_build_that_begins_during_the_publication_is_detected(settings, old, monkeypatch):
    def copy_after_a_build(source, target):
        shutil.copyfile(source, target)
        synthetic_candidate.increment(target, "unchecked")

    monkeypatch.setattr(building, "copy", copy_after_a_build)
    with pytest.raises(PublishError, match="Build unchecked began during the publication of build-1"):
        release_now(settings)
    assert_intact(settings, old)


def crash(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("module", "moment"),
    [
        (building, "copy"),
        (building, "_verify"),
        (building, "write_parquet"),
        (building, "link"),
        (store, "_swap"),
    ],
)
def test_an_interrupted_publication_keeps_the_last_release(settings, old, monkeypatch, module, moment):
    with monkeypatch.context() as patch:
        patch.setattr(module, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            release_now(settings)
    assert_intact(settings, old)


def inodes(settings, release):
    folder = settings.published_path / release.parquet
    return {path.relative_to(folder): path.stat().st_ino for path in folder.glob("*.parquet/*")}


def rows_of(settings, release):
    """Return the rows of the tables of a release, and of their Parquet files."""
    with reader(settings) as connection, duckdb.connect() as other_connection:
        folder = settings.published_path / release.parquet
        return {
            table: (
                sorted(map(repr, connection.execute(f"from {table}").fetchall())),
                sorted(map(repr, other_connection.execute(f"from '{folder / table}.parquet'").fetchall())),
            )
            for table in PUBLISHED
        }


def test_a_month_without_changes_since_the_current_release_is_a_link(settings, old):
    synthetic_candidate.increment(settings.candidate_path, "second")
    new = release_now(settings, "third")

    assert_intact(settings, new)
    assert is_intact(settings, new)
    assert new.rows["fct_messages"] == old.rows["fct_messages"] + 2
    for table, (rows, parquet) in rows_of(settings, new).items():
        assert rows == parquet, table
    before, after = inodes(settings, old), inodes(settings, new)
    changed = {path for path in after if after[path] != before.get(path)}
    assert {str(path) for path in changed} == {
        "fct_conversations.parquet/2026-04.parquet",
        "fct_messages.parquet/2026-04.parquet",
    }
    assert changed < after.keys()
    assert_intact(settings, rollback(settings))


def test_after_a_rollback_unchanged_months_are_links_to_the_current_release(settings, old):
    release_now(settings, "second")
    rollback(settings)
    new = release_now(settings, "third")

    assert_intact(settings, new)
    for table, (rows, parquet) in rows_of(settings, new).items():
        assert rows == parquet, table
    before, after = inodes(settings, old), inodes(settings, new)
    assert {path.name for path in after if after[path] != before.get(path)} == {"2026-04.parquet"}


def test_a_release_that_is_not_an_ancestor_of_the_candidate_shares_no_file(settings, old):
    synthetic_candidate.write(settings.candidate_path, build_id="another full build")
    new = release_now(settings)

    assert_intact(settings, new)
    assert not set(inodes(settings, old).values()) & set(inodes(settings, new).values())


def test_a_damaged_release_shares_no_file(settings, old):
    cut(next((settings.published_path / old.parquet).glob("fct_messages.parquet/*")))
    new = release_now(settings, "second")

    assert_intact(settings, new)
    assert not set(inodes(settings, old).values()) & set(inodes(settings, new).values())


def test_after_an_erasure_a_release_shares_no_file(settings, old):
    erase(settings, "k1")
    before = inodes(settings, old)
    new = release_now(settings, "second")
    assert not set(before.values()) & set(inodes(settings, new).values())


def test_a_manifest_without_a_build_id_is_read(settings, old):
    path = settings.published_path / old.folder / "release.json"
    for note in (path, settings.published_path / "release.json"):
        content = json.loads(note.read_text())
        del content["build_id"]
        note.write_text(json.dumps(content))
    before = inodes(settings, old)
    assert current_release(settings).build_id is None
    new = release_now(settings, "second")
    assert not set(before.values()) & set(inodes(settings, new).values())


def test_without_parquet_a_release_is_only_the_database(settings, old):
    settings_without_parquet = without_parquet(settings)
    synthetic_candidate.increment(settings.candidate_path, "second")

    new = publish(settings_without_parquet, CHECKS)

    assert new.parquet is None
    assert names(settings.published_path / new.folder) == ["release.json", "reports.duckdb", "schema.json"]
    assert current_release(settings_without_parquet) == new
    assert is_intact(settings_without_parquet, new)
    with reader(settings_without_parquet) as connection:
        assert connection.execute("select parquet from release()").fetchone() == (None,)
    assert_intact(settings, rollback(settings_without_parquet))
    assert rollback(settings_without_parquet, new.release_id) == new
    assert_intact(settings, release_now(settings, "third"))


def test_the_check_results_of_all_runs_are_published(settings, old):
    check = next(check for mart in MARTS for check in mart.checks)
    store_results(
        settings, "failed-run", [CheckResult("fct_messages", check, passed=False, found="too many")]
    )
    store_results(settings, "good-run", [CheckResult("fct_messages", check)])

    new = release_now(settings)

    assert (old.rows["quality_results"], new.rows["quality_results"]) == (0, 2)
    with reader(settings) as connection:
        found = connection.execute("select run_id, status, found from quality_results").fetchall()
    assert sorted(found) == [("failed-run", "failed", "too many"), ("good-run", "passed", "as expected")]


def test_a_rollback_restores_the_previous_release_and_can_be_undone(settings, old):
    new = release_now(settings, "newer")

    back = rollback(settings)

    assert (back.release_id, back.withdrawn) == (old.release_id, "newer")
    assert_intact(settings, back)
    assert in_another_process(settings, "select release_id from release()") == old.release_id
    assert rollback(settings, new.release_id) == new
    assert_intact(settings, new)


def test_a_rollback_goes_no_further_than_what_is_kept(settings, old):
    with pytest.raises(PublishError, match=r"No earlier valid release is kept\. Kept: "):
        rollback(settings)
    with pytest.raises(
        PublishError, match=r"Release nonsense is not kept, or is damaged. Kept: .*KEEP_RELEASES"
    ):
        rollback(settings, "nonsense")
    assert_intact(settings, old)


def test_an_interrupted_rollback_keeps_the_current_release(settings, old, monkeypatch):
    new = release_now(settings, "newer")
    with monkeypatch.context() as patch:
        patch.setattr(store, "_swap", crash)
        with pytest.raises(KeyboardInterrupt):
            rollback(settings)
    assert current_release(settings) == new
    assert rollback(settings).release_id == old.release_id


def test_the_release_after_a_rollback_is_the_newest(settings, old):
    withdrawn = release_now(settings, "newer")
    rollback(settings)
    new = release_now(settings, "newest")
    assert names(settings.published_path / "releases") == [old.release_id, new.release_id]
    assert new.release_id > withdrawn.release_id
    assert new.withdrawn is None
    assert_intact(settings, new)


@pytest.mark.slow
def test_readers_see_one_consistent_release_during_publications(settings, old):
    """Several processes read in a loop. No read fails, waits for a writer or mixes two releases."""
    file = settings.published_path / "reports.duckdb"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READ_IN_LOOP, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for number in range(6):
        change(
            settings,
            f"update fct_messages set error_code = '{number}'; update build.builds set build_id = '{number}'",
        )
        release_now(settings)
        if number % 2:
            rollback(settings)
    outputs = [reader.communicate("stop\n")[0].splitlines() for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0, 0]
    for lines in outputs:
        assert set(lines) == {"whole"}, lines
        assert len(lines) > 6


READ_IN_LOOP = """
import select, sys, duckdb
report = "select count(*) from report_overview('2000-01-01', '2100-01-01')"
codes = "select count(distinct error_code), max(error_code) from fct_messages"
while not select.select([sys.stdin], [], [], 0)[0]:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        seen = connection.execute(codes).fetchone()
        rows = connection.execute(report).fetchone()
        again = connection.execute(codes).fetchone()
    print("whole" if seen == again and seen[0] <= 1 and rows == (1,) else ("mixed", seen, again, rows))
"""


@pytest.mark.parametrize("last_step", ["parquet", "duckdb"])
def test_a_crash_between_the_renames_is_repaired_by_the_next_release(settings, old, last_step):
    note = (settings.published_path / "release.json").read_bytes()
    file = (settings.published_path / "reports.duckdb").read_bytes()
    crashed = release_now(settings)
    (settings.published_path / "release.json").write_bytes(note)
    if last_step == "parquet":
        (settings.published_path / "reports.duckdb").write_bytes(file)
    assert current_release(settings) == (old if last_step == "parquet" else crashed)
    assert is_intact(settings, current_release(settings)) == (last_step == "parquet")
    new = release_now(settings)
    kept = old if last_step == "parquet" else crashed
    assert names(settings.published_path / "releases") == [kept.release_id, new.release_id]
    assert_intact(settings, new)


def test_files_of_an_interrupted_publication_are_removed(settings):
    releases = settings.published_path / "releases"
    (releases / ".building-20260101T000000Z-00000000").mkdir(parents=True)
    for name in ("x.duckdb", "x.duckdb.wal", "x.json"):
        (settings.published_path / f".building-{name}").touch()
    assert_intact(settings, release_now(settings))
    assert len(names(releases)) == 1


@pytest.mark.parametrize("content", ['{"release_id": "2026', '{"release_id": "x"}'])
def test_an_unreadable_manifest_does_not_hide_the_release_and_is_replaced(settings, old, content, caplog):
    (settings.published_path / "release.json").write_text(content)
    assert current_release(settings) == old
    assert "release.json cannot be read" in caplog.text
    assert not is_intact(settings, old)
    assert_intact(settings, release_now(settings))


def test_an_unreadable_database_is_not_a_release_and_is_replaced(settings, old):
    (settings.published_path / "reports.duckdb").write_bytes(b"half written")
    assert current_release(settings) is None
    assert_intact(settings, release_now(settings))


def overwrite_byte(path):
    """Overwrite a byte in the middle of the file, outside the macro with the release id."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def cut(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (overwrite_byte, "reports.duckdb"),
        (cut, "reports.duckdb"),
        (Path.unlink, "reports.duckdb"),
        (Path.unlink, "release.json"),
        (cut, "{parquet}/fct_messages.parquet/2026-04.parquet"),
        (Path.unlink, "{parquet}/fct_messages.parquet/2026-04.parquet"),
        (cut, "{parquet}/release.json"),
    ],
)
def test_a_damaged_release_is_detected_and_repaired_by_a_rollback_or_the_next_release(
    settings, old, damage, name
):
    new = release_now(settings, "second")
    assert is_intact(settings, new)
    damage(next(settings.published_path.glob(name.format(parquet=new.parquet))))

    current = current_release(settings)

    assert current is None or not is_intact(settings, current)
    back = rollback(settings)
    assert is_intact(settings, back)
    assert_intact(settings, back)
    assert_intact(settings, release_now(settings))


def test_a_rollback_skips_a_damaged_release(settings, old):
    new = release_now(settings, "second")
    cut(next((settings.published_path / old.parquet).glob("fct_messages.parquet/2026-04.parquet")))
    for wanted in (None, old.release_id):
        with pytest.raises(PublishError, match=rf"Kept: {new.release_id}\."):
            rollback(settings, wanted)
    assert_intact(settings, new)


def test_the_last_releases_are_kept_and_other_folders_are_ignored(settings, old):
    (settings.published_path / "releases" / "notes").mkdir()
    others = [release_now(settings) for _ in range(2)]
    kept = [release.release_id for release in others]
    assert names(settings.published_path / "releases") == [*kept, "notes"]
    assert old.release_id < kept[0] < kept[1]


def test_after_an_erasure_all_older_releases_are_removed_also_after_an_interruption(
    settings, old, monkeypatch
):
    erase(settings, "k1")
    assert outdated_releases(settings)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_prune", crash)
        with pytest.raises(KeyboardInterrupt):
            release_now(settings)
    assert [path.name for path in outdated_releases(settings)] == [old.release_id]
    new = release_now(settings)
    kept = names(settings.published_path / "releases")
    assert old.release_id not in kept
    assert kept[-1] == new.release_id
    assert not outdated_releases(settings)


def test_restored_releases_from_before_an_erasure_are_removed(settings, old):
    """The state of erasures is stored in raw/ and in every release."""
    backup = shutil.copytree(settings.published_path, settings.home / "backup")
    erase(settings, "k1")
    new = release_now(settings)
    shutil.copytree(backup / "releases", settings.published_path / "releases", dirs_exist_ok=True)
    assert [path.name for path in outdated_releases(settings)] == [old.release_id]

    erase(settings, "k1", "k2")
    assert [path.name for path in outdated_releases(settings)] == [old.release_id, new.release_id]
    release_now(settings)
    assert len(names(settings.published_path / "releases")) == 1


def erase(settings: Settings, *contacts: str) -> None:
    """Write the state that an ingest writes to raw/ after it has erased these contacts."""
    settings.raw_path.mkdir(exist_ok=True)
    state = {"applied": repr(contacts), "pseudonyms": {contact: contact for contact in contacts}}
    (settings.raw_path / "erasures.json").write_text(json.dumps(state))


def test_release_ids_increase_even_if_the_clock_is_set_back(settings, old, monkeypatch):
    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2020, 1, 1, tzinfo=tz)

    monkeypatch.setattr(store, "datetime", Earlier)
    new = release_now(settings)
    assert new.release_id > old.release_id
    assert_intact(settings, new)


def test_the_order_of_rows_does_not_change_a_release(settings, old):
    def rows():
        with reader(settings) as connection:
            return {
                table: sorted(map(repr, connection.execute(f"from {table}").fetchall())) for table in TABLES
            }

    before = rows()
    for table in TABLES:
        change(settings, f"create or replace table {table} as from {table} order by hash({table})")
    release_now(settings)
    assert rows() == before


# The gate in Dagster


def definitions_with(settings, outcomes):
    """Return a code location of fake marts, each with a blocking check that returns its outcome.

    The check of a table without an outcome never runs. A table with outcome None has no
    check. The checks refer to the last build of the candidate.
    """
    keys = {table: dg.AssetKey(["marts", table]) for table in TABLES}

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in keys.values()])
    def marts():
        for key in keys.values():
            yield dg.MaterializeResult(asset_key=key)

    def check(table, passed):
        @dg.asset_check(asset=keys[table], name="gate", blocking=True)
        def gate():
            return dg.AssetCheckResult(
                passed=bool(passed),
                severity=getattr(passed, "severity", ERROR),
                metadata={"build_id": builds(settings)[-1].build_id},
            )

        return gate

    checks = {
        table: check(table, outcomes.get(table)) for table in TABLES if outcomes.get(table, 1) is not None
    }
    return dg.Definitions(
        assets=[marts, build_publish_assets(settings, checks.values())],
        asset_checks=[checks[table] for table in outcomes if outcomes[table] is not None],
        resources={"settings": settings},
        executor=dg.in_process_executor,
        jobs=[
            dg.define_asset_job("all"),
            dg.define_asset_job("marts", dg.AssetSelection.key_prefixes("marts").without_checks()),
            dg.define_asset_job(
                "checks",
                dg.AssetSelection.checks_for_assets(*keys.values()),
            ),
            dg.define_asset_job("published", dg.AssetSelection.groups("published").without_checks()),
        ],
    )


ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
ALL_PASS = dict.fromkeys(TABLES, True)


class Warned:
    severity = WARN

    def __bool__(self):
        return False


def run(definitions, job, instance):
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def failure(result):
    return result.failure_data_for_node("publish").user_failure_data.description


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_every_table_is_published_if_every_check_passes(settings, instance):
    result = run(definitions_with(settings, ALL_PASS), "all", instance)
    assert result.success
    events = {event.asset_key.path[-1]: event for event in result.asset_materializations_for_node("publish")}
    assert events.keys() == PUBLISHED.keys()
    release = current_release(settings)
    assert release.checks["passed"] == sorted(f"marts/{table}:gate" for table in TABLES)
    assert release.source_files == 2
    assert events["fct_messages"].metadata["dagster/row_count"].value == 1800
    assert events["fct_messages"].metadata["release"].value == release.release_id
    assert Path(events["fct_messages"].metadata["path"].value).exists()
    assert "| conversations |" in events["agg_overview"].metadata["preview"].value
    files = events["ingested_files"].metadata["preview"].value
    assert r"| a\|b.jsonl | loaded | - | 10 | 8 | 2 |" in files
    assert r"| &lt;b&gt;\*c\*&lt;/b&gt;.jsonl |" in files
    assert "| id is missing | fix it | 4 | 2 |" in events["rejected_records"].metadata["preview"].value


def test_a_failed_blocking_check_prevents_publication(settings, instance):
    result = run(definitions_with(settings, ALL_PASS | {"dim_agents": False}), "all", instance)
    assert not result.success
    assert not [e for e in result.all_events if e.is_step_start and e.step_key == "publish"]
    assert current_release(settings) is None


def test_a_failed_check_blocks_a_later_run(settings, instance):
    definitions = definitions_with(settings, ALL_PASS | {"dim_agents": False})
    run(definitions, "all", instance)
    result = run(definitions, "published", instance)
    assert "- marts/dim_agents:gate failed" in failure(result)
    assert current_release(settings) is None


def test_a_check_that_never_ran_blocks(settings, instance):
    outcomes = {table: True for table in TABLES if table != "dim_agents"}
    result = run(definitions_with(settings, outcomes), "all", instance)
    assert "- marts/dim_agents:gate has not run" in failure(result)
    assert current_release(settings) is None


def test_a_mart_without_a_blocking_check_blocks(settings, instance):
    result = run(definitions_with(settings, ALL_PASS | {"dim_agents": None}), "all", instance)
    assert "- marts/dim_agents has no blocking check" in failure(result)


def test_a_check_older_than_its_table_blocks(settings, instance):
    definitions = definitions_with(settings, ALL_PASS)
    assert run(definitions, "all", instance).success
    first = current_release(settings)
    assert run(definitions, "marts", instance).success
    result = run(definitions, "published", instance)
    assert "marts/fct_messages:gate checked an earlier version of the table" in failure(result)
    assert current_release(settings) == first


def test_a_check_of_an_earlier_build_blocks(settings, instance):
    definitions = definitions_with(settings, ALL_PASS)
    assert run(definitions, "all", instance).success
    first = current_release(settings)
    synthetic_candidate.increment(settings.candidate_path, "second")
    result = run(definitions, "published", instance)
    assert "gate checked build build-1, but the candidate is build second" in failure(result)
    assert current_release(settings) == first


def test_passed_checks_after_a_failed_dbt_test_do_not_allow_a_release(settings, instance):
    definitions = definitions_with(settings, ALL_PASS)
    assert run(definitions, "all", instance).success
    first = current_release(settings)
    synthetic_candidate.increment(settings.candidate_path, "second", completes=False)
    assert run(definitions, "checks", instance).success
    result = run(definitions, "published", instance)
    assert "last build of the candidate did not complete" in failure(result)
    assert current_release(settings) == first


def test_the_path_of_a_table_is_its_parquet_file_or_the_database(settings, instance):
    for given, name in [(settings, "dim_agents.parquet"), (without_parquet(settings), "reports.duckdb")]:
        result = run(definitions_with(given, ALL_PASS), "all", instance)
        events = result.asset_materializations_for_node("publish")
        (path,) = {
            event.metadata["path"].value for event in events if event.asset_key.path[-1] == "dim_agents"
        }
        assert Path(path).name == name
        assert Path(path).is_file()


def test_a_blocking_check_with_a_warning_allows_the_release_and_is_reported(settings, instance):
    assert run(definitions_with(settings, ALL_PASS | {"dim_agents": Warned()}), "all", instance).success
    assert current_release(settings).checks["warned"] == ["marts/dim_agents:gate"]


def test_the_freshness_windows_are_those_of_the_settings(settings):
    for hours, warn_hours in [(72, 36), (72, 72)]:
        given = settings.model_copy(
            update={"stale_error_after_hours": hours, "stale_after_hours": warn_hours}
        )
        policy = next(iter(build_publish_assets(given, []).specs)).freshness_policy
        assert policy.fail_window.to_timedelta().total_seconds() == hours * 3600
        assert (policy.warn_window is None) == (hours == warn_hours)
