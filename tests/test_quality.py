"""The results of the quality gate, and their use in Dagster and for publishing."""

import re
import shutil
import subprocess
import sys

import dagster as dg
import duckdb
import pytest
from passing_candidate import change, change_one_row, failures, write_release

from orchestration.quality.asset_checks import SPECS, check_candidate, quality_gate
from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS
from orchestration.quality.marts.csat import CSAT_SUMMARY
from orchestration.settings import PROJECT, Settings

UNMAPPED_STATUS = change_one_row("fct_conversations", "status = null", "not is_closed")


def test_a_lower_row_count_fails_in_every_mart(candidate):
    with duckdb.connect(candidate.candidate_path) as connection:
        rows = {
            mart.table: connection.execute(f"select count(*) from {mart.table}").fetchone()[0]
            for mart in MARTS
        }
    write_release(candidate, {table: count * 2 + 1 for table, count in rows.items()})
    failed = [result for result in run_gate(candidate) if not result.passed]
    assert [(result.table, result.check.name) for result in failed] == [
        (mart.table, "row_count_within_limit") for mart in MARTS
    ]
    [contacts] = [result for result in failed if result.table == "dim_contacts"]
    assert contacts.found == f"{rows['dim_contacts']:,} rows"
    assert contacts.check.expected.endswith(f"in the last release: {rows['dim_contacts'] * 2 + 1:,} rows")


def test_half_the_rows_of_the_last_release_pass(candidate):
    write_release(candidate, {"dim_agents": 16})
    assert failures(candidate, "dim_agents") == {}


def test_a_failed_check_reports_the_number_of_violations_and_five_keys(candidate):
    change(
        candidate,
        """
        update fct_conversations set origin = 'fax' where source_conversation_id::int < 7;
        update fct_conversations set reopens = -1 where source_conversation_id::int < 7;
        update agg_by_agent set closed = closed + 2
        where rowid = (select rowid from agg_by_agent order by report_date desc, account_id limit 1);
        """,
    )
    failed = failures(candidate, "fct_conversations", "agg_by_agent")
    assert sorted(failed) == [
        "agents_sum_to_overview",
        "measures_are_not_negative",
        "origin_is_accepted_value",
    ]
    with duckdb.connect(candidate.candidate_path) as connection:
        changed = connection.execute("select count(*) from fct_conversations where reopens < 0").fetchone()[0]
    for name in ("origin_is_accepted_value", "measures_are_not_negative"):
        assert failed[name].found == f"{changed} violations"
        assert len(failed[name].examples) == 5
        assert all(re.fullmatch(r"(demo|second):\d", example) for example in failed[name].examples)
    assert failed["origin_is_accepted_value"].check.expected == "origin is one of flow, inbox, inbound, other"
    [example] = failed["agents_sum_to_overview"].examples
    assert re.fullmatch(r"demo \d{4}-\d\d-\d\d closed: (\d+)\.0 instead of (\d+)\.0", example)


def test_a_check_that_cannot_run_is_broken_and_affects_no_other_check(candidate):
    change(candidate, "alter table fct_conversations drop column windows_expired")
    failed = failures(candidate, "fct_conversations")
    assert list(failed) == ["measures_are_not_negative"]
    assert failed["measures_are_not_negative"].broken
    assert "windows_expired" in failed["measures_are_not_negative"].found


def test_an_expectation_that_cannot_run_is_broken(candidate):
    change(candidate, "alter table dim_agents drop column agent_name")
    failed = failures(candidate, "dim_agents")
    assert list(failed) == ["agent_name_is_not_null"]
    assert failed["agent_name_is_not_null"].broken
    assert "agent_name" in failed["agent_name_is_not_null"].found


def test_missing_raw_files_break_the_check_that_reads_them(candidate):
    shutil.rmtree(candidate.raw_path / "messages")
    failed = failures(candidate, "fct_messages")
    assert list(failed) == ["messages_match_raw_files"]
    assert failed["messages_match_raw_files"].broken
    assert "No files found" in failed["messages_match_raw_files"].found


def test_a_missing_table_breaks_only_its_checks(candidate):
    change(candidate, "drop table csat_summary")
    failed = [result for result in run_gate(candidate) if not result.passed]
    assert {result.table for result in failed} == {"csat_summary"}
    assert all(result.broken for result in failed)
    assert len(failed) == len(CSAT_SUMMARY.checks)


def run_in_dagster(settings: Settings) -> tuple[dg.ExecuteInProcessResult, dict]:
    """Run marts, the gate, and an asset that depends on all marts. Return the run and its evaluations."""
    marts = [dg.AssetKey(["marts", mart.table]) for mart in MARTS]

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in marts])
    def build():
        yield from (dg.MaterializeResult(asset_key=key) for key in marts)

    @dg.asset(deps=marts)
    def published():
        pass

    definitions = dg.Definitions(
        [build, published], asset_checks=[quality_gate], resources={"settings": settings}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        run = job.execute_in_process(instance=instance, raise_on_error=False)
    evaluations = {evaluation.asset_check_key: evaluation for evaluation in run.get_asset_check_evaluations()}
    return run, evaluations


def is_published(run: dg.ExecuteInProcessResult) -> bool:
    return bool(run.asset_materializations_for_node("published"))


def test_every_check_is_evaluated_with_its_build_and_a_warning_does_not_block(candidate):
    change(candidate, UNMAPPED_STATUS)
    run, evaluations = run_in_dagster(candidate)
    assert run.success
    assert is_published(run)
    assert set(evaluations) == {spec.key for spec in quality_gate.check_specs}
    assert {spec.key for spec in SPECS if spec.blocking} < set(evaluations)
    assert {evaluation.metadata["build_id"].value for evaluation in evaluations.values()} == {"build-1"}
    [failed] = [evaluation for evaluation in evaluations.values() if not evaluation.passed]
    assert failed.check_name == "status_code_is_mapped"
    assert failed.severity is dg.AssetCheckSeverity.WARN


def test_a_failed_check_blocks_downstream_assets(candidate):
    change(candidate, change_one_row("fct_messages", "sent_hour = 24"))
    run, evaluations = run_in_dagster(candidate)
    assert not is_published(run)
    [failed] = [evaluation for evaluation in evaluations.values() if not evaluation.passed]
    assert failed.asset_check_key in {spec.key for spec in SPECS if spec.blocking}
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    assert failed.metadata["expected"].value == "sent_hour from 0 to 23"
    assert failed.metadata["found"].value == "1 violation"
    assert failed.metadata["examples"].value.startswith("demo:m")


def assert_broken_without_a_build(settings: Settings) -> None:
    run, evaluations = run_in_dagster(settings)
    assert not is_published(run)
    assert len(evaluations) == len(quality_gate.check_specs)
    for evaluation in evaluations.values():
        assert not evaluation.passed
        assert "BROKEN" in evaluation.description
        assert "has no completed build. Run `make run`" in evaluation.description
        assert "build_id" not in evaluation.metadata


def test_without_a_candidate_every_check_is_broken_and_nothing_is_published(tmp_path):
    assert_broken_without_a_build(Settings(home=tmp_path))


def test_an_incomplete_build_breaks_every_check(candidate):
    change(candidate, "update build.builds set result = null, completed_at = null")
    assert_broken_without_a_build(candidate)


def test_without_the_warehouse_every_check_is_broken(candidate):
    candidate.warehouse_path.unlink()
    _, results = check_candidate(candidate, MARTS[:1], pytest.fail)
    assert all(result.broken and "warehouse.duckdb" in result.found for result in results)
    assert len(results) == len(MARTS[0].checks)


def test_a_subset_of_the_checks_can_be_run(candidate):
    key = dg.AssetCheckKey(dg.AssetKey(["marts", "dim_agents"]), "key_is_unique")
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(
            [quality_gate],
            instance=instance,
            resources={"settings": candidate},
            selection=dg.AssetSelection.checks(key),
        )
    assert [evaluation.asset_check_key for evaluation in run.get_asset_check_evaluations()] == [key]


def test_the_list_of_checks_is_read_without_great_expectations():
    code = "import sys; from orchestration.quality.asset_checks import SPECS;"
    code += "sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_the_gate_does_not_import_publishing():
    code = "import sys; import orchestration.quality.gate, orchestration.quality.asset_checks;"
    code += "sys.exit(any(name.startswith('orchestration.publish') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
