"""What a stakeholder and the person on call find in Dagster.

Belongs here: what must be told of every asset, and when runs start. Does not: what the assets do.
"""

import dagster as dg
import pytest
import yaml

from orchestration.automation.schedules import daily_schedule
from orchestration.automation.sensors import new_exports_sensor
from orchestration.definitions import build_definitions
from orchestration.ingest.pipeline import ingest
from orchestration.publish.overview import GROUP, KEY
from orchestration.publish.tables import PUBLISHED, TABLES
from orchestration.settings import PROJECT, Settings


@pytest.fixture(scope="module")
def repository(sample):
    return build_definitions(sample).get_repository_def()


@pytest.fixture(scope="module")
def specs(repository):
    graph = repository.asset_graph
    return {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}


def test_every_asset_tells_what_it_is_and_who_answers_for_it(specs):
    assert {name for name in specs if name.startswith("marts/")} == {f"marts/{table}" for table in TABLES}
    assert {f"published/{table}" for table in PUBLISHED} < specs.keys()
    for name, node in specs.items():
        assert node.description, name
        assert list(node.owners) == ["team:data"], name
        assert node.kinds, name
        assert node.group_name == (GROUP if node.key == KEY else name.split("/")[0]), name


def test_the_graph_leads_from_landing_to_the_published_tables(specs):
    stages = (
        {"landing"},
        {"raw", "seeds", "candidate"},
        {"staging", "intermediate", "marts", "reporting"},
        {"published"},
    )
    order = {layer: number for number, layers in enumerate(stages) for layer in layers}
    for name, node in specs.items():
        layer = name.split("/")[0]
        for parent in node.parent_keys:
            assert order[parent.path[0]] <= order[layer], (name, parent)
            assert (layer, parent.path[0]) != ("staging", "marts"), (name, parent)
    for table in TABLES:
        assert specs[f"published/{table}"].parent_keys == {dg.AssetKey(["marts", table])}


def test_every_published_table_says_when_it_is_stale(specs):
    for table in TABLES:
        policy = specs[f"published/{table}"].freshness_policy
        assert policy.fail_window.to_timedelta().total_seconds() == 72 * 3600
        assert policy.warn_window.to_timedelta().total_seconds() == 36 * 3600


def test_the_schedule_runs_daily_in_the_set_zone_and_skips_with_a_reason(sample, tmp_path):
    schedule = daily_schedule(sample)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "Europe/Rome")

    with dg.build_schedule_context() as context:
        nothing_new = schedule.evaluate_tick(context)
        first_time = daily_schedule(Settings(home=tmp_path)).evaluate_tick(context)

    assert "Nothing new" in nothing_new.skip_message
    assert len(first_time.run_requests) == 1


def test_new_files_start_one_run_when_they_have_stopped_arriving(tmp_path):
    settings = Settings(home=tmp_path)
    landing = settings.landing_path / "demo" / "agents"
    landing.mkdir(parents=True)
    sensor = new_exports_sensor(settings)
    cursor = None

    def tick() -> dg.SensorResult:
        nonlocal cursor
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor=cursor))
        cursor = tick.cursor
        return tick

    with dg.DagsterInstance.ephemeral() as instance:
        assert tick().skip_message == "No new file in landing."
        (landing / "1.jsonl").write_text('{"id": "1"}')
        assert tick().skip_message == "1 new file; waiting until no more arrive."
        (landing / "2.jsonl").write_text('{"id": ')
        assert tick().skip_message == "2 new files; waiting until no more arrive."
        (landing / "2.jsonl").write_text('{"id": "2"}')
        assert tick().skip_message == "2 new files; waiting until no more arrive."
        (first,) = tick().run_requests
        assert first.tags["new_files"] == "2"
        (again,) = tick().run_requests
        assert again.run_key == first.run_key, "the same files would start a second run"

        run_id = instance.create_run_for_job(_empty_refresh, status=dg.DagsterRunStatus.STARTED).run_id
        assert "a refresh is under way" in tick().skip_message
        instance.delete_run(run_id)

        ingest(settings)
        tick()
        assert tick().skip_message == "No new file in landing."


@dg.job(name="refresh")
def _empty_refresh():
    pass


def test_nothing_is_told_to_the_makers_of_the_tools():
    assert yaml.safe_load((PROJECT / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}
    project = yaml.safe_load((PROJECT / "dbt_project" / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False
