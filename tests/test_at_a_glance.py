"""What a stakeholder sees of the release in Dagster, as time passes and checks fail."""

from datetime import datetime, timedelta

import dagster as dg
import pytest

from orchestration.commands import open_instance
from orchestration.publish.overview import FRESH, KEY, evaluate_freshness, overview, report
from orchestration.publish.release import current_release
from orchestration.publish.tables import PUBLISHED
from orchestration.quality.asset_checks import quality_gate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings

SPECS = list(quality_gate.check_specs)


def told(instance: dg.DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(KEY, limit=100).records
    return [
        "\n".join(str(value.value) for value in record.asset_materialization.metadata.values())
        for record in records
    ]


def freshness_of(instance: dg.DagsterInstance, table: str) -> list[tuple[bool, dg.AssetCheckSeverity]]:
    key = dg.AssetCheckKey(dg.AssetKey(["published", table]), FRESH)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    return [(record.evaluation.passed, record.evaluation.severity) for record in records]


def test_the_run_that_publishes_tells_of_every_table(sample):
    release = current_release(sample)
    with open_instance(sample) as instance:
        [shown] = told(instance)
        for table in PUBLISHED:
            assert [passed for passed, _ in freshness_of(instance, table)] == [True]

    assert f"Release {release.release_id}, published {release.published_at[:10]}" in shown
    assert (
        "data through 2025-12-31 22:22 UTC. Data more than 36 hours old: demo (2025-12-31 22:22 UTC)."
        in shown
    )
    checks, messages = (
        len(mart.checks)
        for table in ("fct_conversations", "fct_messages")
        for mart in MARTS
        if mart.table == table
    )
    assert f"2,000 rows; checks: {checks} of {checks} passed" in shown
    rows = {
        line.split(" | ")[0].lstrip("| ").replace("\\", ""): line
        for line in shown.splitlines()
        if "| fresh |" in line
    }
    assert rows.keys() == release.rows.keys()
    assert f"| 2,000 | {checks} of {checks} passed |" in rows["fct_conversations"]
    warned = "warned\\: conversation\\_is\\_known, data\\_is\\_fresh"
    assert f"{messages - 2} of {messages} passed; {warned}" in rows["fct_messages"]


@pytest.mark.parametrize(
    ("hours", "passed", "severity"),
    [(35, True, None), (36, False, dg.AssetCheckSeverity.WARN), (72, False, dg.AssetCheckSeverity.ERROR)],
)
def test_a_table_grows_old_and_then_stale_at_the_set_hours(sample, hours, passed, severity):
    now = datetime.fromisoformat(current_release(sample).published_at) + timedelta(hours=hours)

    evaluations = evaluate_freshness(sample, now)

    assert len(evaluations) == len(PUBLISHED)
    for evaluation in evaluations:
        assert evaluation.passed is passed
        assert passed or evaluation.severity is severity
        assert evaluation.metadata["data_through"].value == "2025-12-31T22:22:26Z"


def test_what_was_never_published_is_not_fresh(tmp_path):
    evaluations = evaluate_freshness(Settings(home=tmp_path))

    assert not any(evaluation.passed for evaluation in evaluations)
    assert "was never published" in evaluations[0].description


def test_between_runs_only_what_changed_is_told(sample):
    windows = {"stale_after_hours": 1e-9, "stale_error_after_hours": 1e-9}
    later = Settings(home=sample.home, dagster=sample.dagster_path, **windows)
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = report(sample, instance, [quality_gate], "")
        assert report(sample, instance, [quality_gate], cursor) == cursor
        assert len(told(instance)) == len(freshness_of(instance, "agg_by_tag")) == 1

        cursor = report(later, instance, [quality_gate], cursor)
        assert freshness_of(instance, "agg_by_tag")[0] == (False, dg.AssetCheckSeverity.ERROR)
        assert "stale" in told(instance)[0]
        assert "stale" not in told(instance)[1]

        failed = dg.AssetCheckEvaluation(
            asset_key=SPECS[0].asset_key,
            check_name=SPECS[0].name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
        )
        instance.report_runless_asset_event(failed)
        assert report(later, instance, [quality_gate], cursor) != cursor
        assert len(freshness_of(instance, "agg_by_tag")) == 2
        table = SPECS[0].asset_key.path[-1]
        assert f"The last checks FAILED on {table}: this release stays until they pass." in told(instance)[0]


def test_nothing_published_is_said_so(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        assert overview(Settings(home=tmp_path), instance, SPECS) == {"release": "Nothing is published yet."}
