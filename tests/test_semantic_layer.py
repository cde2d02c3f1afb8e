"""dbt's metrics, compared with the report macros."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import project_with

from orchestration.publish.reader import reader
from orchestration.settings import PROJECT

NOVEMBER = "2025-11-01", "2025-11-30"
DECLARED = yaml.safe_load((PROJECT / "models" / "marts" / "_semantic_models.yml").read_text())
METRICS = [measure["name"] for model in DECLARED["semantic_models"] for measure in model.get("measures", [])]
METRICS += [metric["name"] for metric in DECLARED["metrics"]]
BY_AGENT = ["conversations", "agent_messages", "first_response_median", "reply_median", "csat_n", "csat_avg"]


@pytest.fixture(scope="module")
def query(sample, tmp_path_factory):
    """Return a function that queries MetricFlow for metrics of November and returns dicts of text."""
    folder = tmp_path_factory.mktemp("metrics")
    project = project_with(PROJECT / "seeds", folder / "project") / "dbt_project"
    for name in ("warehouse.duckdb", "candidate.duckdb", "hash_key"):
        shutil.copy(sample.home / name, folder / name)
    environment = os.environ | sample.environment() | {"CONVERSATIONS_HOME": str(folder), "DO_NOT_TRACK": "1"}

    def call(command, *arguments):
        program = str(Path(sys.executable).with_name(command))
        outcome = subprocess.run(
            [program, *arguments],
            cwd=project,
            env=environment | {"DBT_PROFILES_DIR": str(project)},
            capture_output=True,
            text=True,
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr

    def query_metrics(metrics, *group_by):
        first, last = NOVEMBER
        period = ["--start-time", first, "--end-time", last, "--csv", str(folder / "query_metrics.csv")]
        groups = ["--group-by", ",".join(group_by)] if group_by else []
        call("mf", "query", "--metrics", ",".join(metrics), *groups, *period)
        with (folder / "query_metrics.csv").open() as file:
            return list(csv.DictReader(file))

    call("dbt", "--quiet", "parse")
    return query_metrics


def macro(sample, name, metrics, key):
    """Return the values of a macro for November, by key."""
    with reader(sample) as connection:
        rows = connection.execute(
            f"select {key}, {', '.join(metrics)} from {name}(?, ?)", NOVEMBER
        ).fetchall()
    return {row[0]: dict(zip(metrics, row[1:], strict=True)) for row in rows}


def figures(row, metrics):
    """Return the figures of a row. A count without rows is 0, also if the query returns null."""
    found = {metric: float(row[metric]) if row[metric] else None for metric in metrics}
    return found | {metric: found[metric] or 0.0 for metric in metrics if metric.endswith("_n")}


@pytest.mark.slow
def test_metrics_match_the_overview(query, sample):
    (row,) = query(METRICS)
    assert figures(row, METRICS) == pytest.approx(macro(sample, "report_overview", METRICS, "1")[1])


@pytest.mark.slow
def test_metrics_by_agent_match_the_macro(query, sample):
    """Agent messages count for the sender, first responses and replies for the answering agent."""
    rows = query(BY_AGENT, "agent__agent_name")
    found = {row["agent__agent_name"] or "Unassigned": figures(row, BY_AGENT) for row in rows}
    expected = macro(sample, "report_by_agent", BY_AGENT, "agent_name")
    assert found.keys() == expected.keys()
    for agent, measures in expected.items():
        assert found[agent] == pytest.approx(measures), agent
