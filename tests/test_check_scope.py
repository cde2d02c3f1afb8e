"""After an incremental build, row-level checks read the rows built since the release, others all rows."""

import pytest
from passing_candidate import (
    add_increment,
    assign_rows,
    change,
    change_one_row,
    failures,
    lost_record,
    write_release,
)

from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings

NEGATIVE = "reopens = -1"


@pytest.fixture
def increment(candidate) -> Settings:
    """Return a candidate whose first build is published, and whose second build has no rows."""
    add_increment(candidate)
    write_release(candidate, {}, build_id="build-1")
    return candidate


def test_an_increment_of_the_passing_candidate_passes_every_check(increment):
    change(increment, change_one_row("fct_conversations", "build_id = 'build-2'"))
    results = run_gate(increment)
    assert [result for result in results if not result.passed] == []
    assert [result.check for result in results if "not yet released" in result.found] == [
        check for mart in MARTS if mart.is_incremental for check in mart.checks if check.is_scoped
    ]
    assert len(results) == sum(len(mart.checks) for mart in MARTS)


def test_a_bad_row_of_the_published_build_is_not_checked(increment):
    change(increment, change_one_row("fct_conversations", NEGATIVE))
    assert failures(increment, "fct_conversations") == {}


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        ("reopens = -1", "measures_are_not_negative"),
        ("started_hour = 24", "started_hour_is_in_range"),
        ("closed_at = started_at - interval 1 second", "closed_at_is_not_before_started_at"),
        ("origin = null", "origin_is_not_null"),
    ],
)
def test_a_bad_row_of_a_new_build_fails(increment, bad, check):
    change(increment, change_one_row("fct_conversations", f"{bad}, build_id = 'build-2'", "is_closed"))
    failed = failures(increment, "fct_conversations")
    assert set(failed) == {check}
    assert failed[check].found == "1 violation, in the rows not yet released"
    assert len(failed[check].examples) == 1


def test_a_bad_row_of_an_earlier_failed_build_is_checked(increment):
    change(
        increment,
        "insert into build.builds select * replace ('build-3' as build_id, 3 as build_number)"
        " from build.builds where build_id = 'build-2';"
        "update build.builds set result = null, completed_at = null where build_id = 'build-2';",
    )
    change(increment, change_one_row("fct_conversations", f"{NEGATIVE}, build_id = 'build-2'"))
    assert set(failures(increment, "fct_conversations")) == {"measures_are_not_negative"}


def test_rows_of_all_builds_are_checked_if_the_release_is_not_an_ancestor(increment):
    change(increment, change_one_row("fct_conversations", NEGATIVE))
    write_release(increment, {}, build_id="a build of another candidate")
    failed = failures(increment, "fct_conversations")
    assert failed["measures_are_not_negative"].found == "1 violation"


@pytest.mark.parametrize("note", [None, "", "{}", '{"rows": {}}'])
def test_rows_of_all_builds_are_checked_if_the_build_of_the_release_is_unknown(increment, note):
    change(increment, change_one_row("fct_conversations", NEGATIVE))
    path = increment.published_path / "release.json"
    path.unlink() if note is None else path.write_text(note)
    assert set(failures(increment, "fct_conversations")) == {"measures_are_not_negative"}


def test_a_table_that_every_build_rewrites_is_checked_as_a_whole(increment):
    change(increment, change_one_row("dim_agents", "agent_name = null"))
    assert set(failures(increment, "dim_agents")) == {"agent_name_is_not_null"}


def test_warnings_check_all_rows(increment):
    change(increment, change_one_row("fct_conversations", "status = null", "not is_closed"))
    change(increment, change_one_row("fct_messages", "sent_at = timezone('UTC', now()) + interval 61 minute"))
    failed = failures(increment, "fct_conversations", "fct_messages")
    assert set(failed) == {"status_code_is_mapped", "sent_at_is_not_in_the_future"}


@pytest.mark.parametrize(
    ("table", "check", "broken_by"),
    [
        ("fct_conversations", "key_is_unique", "insert into {table} from {table} limit 1"),
        (
            "fct_messages",
            "contact_key_is_in_dim_contacts",
            "update {table} set contact_key = 'unknown' where rowid = 0",
        ),
        (
            "agg_overview",
            "messages_match_facts",
            "update {table} set messages = messages + 1 where rowid = 0",
        ),
        (
            "fct_messages",
            "message_counts_match_conversations",
            "update fct_conversations set messages = messages + 1 where rowid = 0",
        ),
        ("dim_contacts", "build_id_is_known", "update {table} set build_id = 'gone' where rowid = 0"),
    ],
)
def test_checks_of_whole_tables_check_all_rows(increment, table, check, broken_by):
    change(increment, broken_by.format(table=table))
    assert set(failures(increment, table)) == {check}


@pytest.mark.parametrize("entity", ["conversations", "messages"])
def test_a_record_of_a_new_batch_must_be_in_the_mart(increment, entity):
    change(increment, lost_record(entity, batch="3"))
    failed = failures(increment, f"fct_{entity}")
    assert failed[f"{entity}_match_raw_files"].examples == ("demo:lost is not in the mart",)


@pytest.mark.parametrize("entity", ["conversations", "messages"])
def test_a_record_of_a_published_batch_is_compared_only_if_all_rows_are_checked(increment, entity):
    change(increment, lost_record(entity, batch="2"))
    assert failures(increment, f"fct_{entity}") == {}
    write_release(increment, {}, build_id="a build of another candidate")
    assert set(failures(increment, f"fct_{entity}")) == {f"{entity}_match_raw_files"}


def test_a_batch_that_no_build_recorded_must_be_in_the_mart(increment):
    change(increment, "update build.builds set batches = null where build_id = 'build-2'")
    change(increment, lost_record("messages", batch="3"))
    assert set(failures(increment, "fct_messages")) == {"messages_match_raw_files"}


def test_a_row_of_a_new_build_must_have_a_raw_record(increment):
    change(
        increment,
        change_one_row("fct_messages", "message_id = 'demo:ghost', build_id = 'build-2'")
        + ";"
        + change_one_row("fct_messages", "build_id = 'build-2'", "build_id = 'build-1'"),
    )
    failed = failures(increment, "fct_messages")
    assert failed["messages_match_raw_files"].examples == ("demo:ghost is in no raw file",)


def test_a_rebuilt_row_of_an_old_record_is_not_a_violation(increment):
    assign_rows(increment, "build-2")
    assert [result for result in run_gate(increment) if not result.passed] == []
