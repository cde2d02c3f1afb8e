"""dbt's unit tests, and the rules for all models.

Belongs here: running the unit tests, and rules for the project as a whole. Does not: the results of a model.
"""

import json
import re
import shutil

import duckdb
import pytest

from orchestration.publish.tables import TABLES
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
    dbt(copied, "run", "--full-refresh")  # the sample only builds the staging models of its platform
    dbt(copied, "test", "--select", "test_type:unit")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_portable_sql(path):
    text = re.sub(r"--.*", "", path.read_text())
    assert [name for name, pattern in NOT_PORTABLE.items() if re.search(pattern, text, re.IGNORECASE)] == []
    assert text.rstrip().endswith("select * from final")


def test_every_model_has_a_grain_and_every_column_a_description(manifest):
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] in ("model", "seed")]
    assert len(nodes) > 30
    for node in nodes:
        assert "One row per" in node["description"], node["name"]
        for column in node["columns"].values():
            assert column["description"].strip(), f"{node['name']}.{column['name']}"


def test_every_column_of_the_built_tables_is_described(sample, manifest):
    built = set()
    for path in (sample.warehouse_path, sample.candidate_path):
        with duckdb.connect(path, read_only=True) as connection:
            built |= set(
                connection.execute(
                    "select schema_name, table_name, column_name from duckdb_columns()"
                    " where not internal and schema_name <> 'build'"
                ).fetchall()
            )
    described = {
        (node["schema"], node["name"], column)
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for column in node["columns"]
    }
    assert built - described == set()


def test_every_published_table_has_an_enforced_contract(manifest):
    published = [
        n
        for n in manifest["nodes"].values()
        if n["resource_type"] == "model" and n["database"] == "candidate"
    ]
    assert {node["name"] for node in published if node["schema"] == "main"} == set(TABLES)
    assert all(node["contract"]["enforced"] for node in published)
