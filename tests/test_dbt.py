"""dbt's own tests, as dbt runs them, and what the project as a whole must keep.

Belongs here: running the unit tests, and rules that no single model states. Does not: what a model computes.
"""

import json
import re
import shutil

import duckdb
import pytest

from orchestration.settings import PROJECT, Settings
from tests.conftest import dbt

MODELS = sorted((PROJECT / "models").rglob("*.sql"))
NOT_PORTABLE = {
    "qualify": r"\bqualify\b",
    "asof join": r"\basof\b",
    "cast by ::": r"::",
    "* exclude": r"\*\s*exclude",
    "lambda": r"\blambda\b|->",
}


@pytest.fixture(scope="module")
def copied(sample, tmp_path_factory):
    home = tmp_path_factory.mktemp("dbt") / "home"
    shutil.copytree(sample.home, home)
    return Settings(home=home, dagster=home / "dagster")


@pytest.fixture(scope="module")
def manifest(sample):
    return json.loads((sample.dbt_target_path / "manifest.json").read_text())


def test_every_unit_test_of_the_models_passes(copied):
    dbt(copied, "test", "--select", "test_type:unit")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_written_so_that_another_engine_can_run_it(path):
    text = re.sub(r"--.*", "", path.read_text())
    assert [name for name, pattern in NOT_PORTABLE.items() if re.search(pattern, text, re.IGNORECASE)] == []
    assert text.rstrip().endswith("select * from final")


def test_every_model_and_column_is_described_and_every_grain_is_told(manifest):
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] in ("model", "seed")]
    assert len(nodes) > 30
    for node in nodes:
        assert "One row per" in node["description"], node["name"]
        for column in node["columns"].values():
            assert column["description"].strip(), f"{node['name']}.{column['name']}"


def test_every_column_that_stands_in_the_warehouse_is_described(sample, manifest):
    with duckdb.connect(sample.warehouse_path, read_only=True) as connection:
        built = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal"
        ).fetchall()
    described = {
        (node["schema"], node["name"], column)
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for column in node["columns"]
    }
    assert set(built) - described == set()


def test_every_mart_has_an_enforced_contract(manifest):
    marts = [
        n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["schema"] == "marts"
    ]
    assert len(marts) == 14
    assert all(node["contract"]["enforced"] for node in marts)


def test_who_does_not_ask_who_is_an_agent_pays_for_no_join(sample):
    """It is told by a join over all messages, which the engine leaves out as long as it is the only one."""
    with duckdb.connect(sample.warehouse_path, read_only=True) as connection:
        counted, asked = (
            connection.execute(f"explain select count({what}) from marts.fct_messages").fetchall()[0][1]
            for what in ("*", "nullif(is_agent_message, false)")
        )
    assert "Join" not in counted
    assert "Join" in asked
