"""The overview asset in Dagster: freshness, accounts, tables and checks of the release."""

import dagster as dg

from orchestration.commands import open_instance
from orchestration.definitions import build_definitions
from orchestration.publish.freshness import check_freshness
from orchestration.publish.overview import CHECK, GROUP, KEY, overview, report
from orchestration.publish.release import current_release
from orchestration.quality.asset_checks import quality_gate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings

SPECS = list(quality_gate.check_specs)
ENDS = "The data of account demo ends on 31 Dec 2025, 23:22 (Europe/Rome), more than 72 hours ago"


def materializations(instance: dg.DagsterInstance) -> list[dict[str, str]]:
    records = instance.fetch_materializations(KEY, limit=100).records
    return [
        {name: str(value.value) for name, value in record.asset_materialization.metadata.items()}
        for record in records
    ]


def verdicts(instance: dg.DagsterInstance) -> list[tuple[bool, dg.AssetCheckSeverity]]:
    key = dg.AssetCheckKey(KEY, CHECK)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    return [(record.evaluation.passed, record.evaluation.severity) for record in records]


def test_a_publishing_run_reports_verdict_accounts_tables_and_next_run(sample):
    release = current_release(sample)
    with open_instance(sample) as instance:
        [metadata] = materializations(instance)
        assert verdicts(instance) == [(False, dg.AssetCheckSeverity.ERROR)]

    assert metadata["verdict"].startswith(f"stale: {ENDS}")
    assert metadata["release"].startswith(f"{release.release_id}, published ")
    assert metadata["next_run"] == "off"
    assert metadata["status"] == str(sample.published_path / "status.html")
    assert "| demo | stale | 31 Dec 2025, 23\\:22 |" in metadata["accounts"]
    assert "fresh" not in metadata["verdict"] + metadata["accounts"]
    rows = {
        line.split(" | ")[0].lstrip("| ").replace("\\", ""): line for line in metadata["tables"].splitlines()
    }
    assert release.rows.keys() < rows.keys()
    checks, messages = (
        len(mart.checks)
        for table in ("fct_conversations", "fct_messages")
        for mart in MARTS
        if mart.table == table
    )
    assert f"| 2,000 | {checks} of {checks} passed |" in rows["fct_conversations"]
    assert f"{messages - 2} of {messages} passed; warned\\: " in rows["fct_messages"]


def test_the_group_of_the_overview_sorts_before_all_others(sample):
    graph = build_definitions(sample).get_repository_def().asset_graph
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert min(groups) == GROUP
    assert graph.get(KEY).group_name == GROUP


def test_between_runs_only_changes_are_reported(sample):
    windows = {"stale_after_hours": 500_000, "stale_error_after_hours": 500_000}
    pages = "https://example.com/a/reports/"
    fresh = Settings(home=sample.home, dagster=sample.dagster_path, report_url=pages, **windows)
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = report(fresh, instance, [quality_gate], "")
        assert report(fresh, instance, [quality_gate], cursor) == cursor
        assert materializations(instance)[0]["verdict"] == "fresh"
        assert materializations(instance)[0]["pages"] == pages
        assert materializations(instance)[0]["reports"] == "https://example.com/a/report/index.html"
        assert materializations(instance)[0]["status"] == "https://example.com/a/status.html"
        assert [passed for passed, _ in verdicts(instance)] == [True]

        cursor = report(sample, instance, [quality_gate], cursor)
        assert verdicts(instance)[0] == (False, dg.AssetCheckSeverity.ERROR)
        assert materializations(instance)[0]["verdict"].startswith("stale")

        late = fresh.model_copy(update={"stale_after_hours": 1})
        cursor = report(late, instance, [quality_gate], cursor)
        assert verdicts(instance)[0] == (False, dg.AssetCheckSeverity.WARN)

        failed = dg.AssetCheckEvaluation(
            asset_key=SPECS[0].asset_key,
            check_name=SPECS[0].name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
        )
        instance.report_runless_asset_event(failed)
        assert report(late, instance, [quality_gate], cursor) != cursor
        assert len(materializations(instance)) == 4
        table = SPECS[0].asset_key.path[-1]
        assert materializations(instance)[0]["checks"].startswith(f"The last checks FAILED on {table}")


def test_a_home_without_a_release_is_stale(tmp_path):
    settings = Settings(home=tmp_path)
    metadata = overview(settings, check_freshness(settings), {}, None)
    assert metadata == {"verdict": "stale: Nothing is published yet.", "next_run": "off"}
