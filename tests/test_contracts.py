"""What consumers may rely on: access and contracts of the models, and the JSON Schema of a release."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.publish.tables import PUBLISHED
from orchestration.warehouse.assets import read_manifest


@pytest.fixture
def schema(sample) -> dict:
    release = current_release(sample)
    return json.loads((sample.published_path / release.folder / "schema.json").read_text())


def test_rows_of_every_published_table_are_valid_under_the_schema(sample, schema):
    Draft202012Validator.check_schema(schema)
    assert set(schema["$defs"]) == set(PUBLISHED)
    with reader(sample) as connection:
        for table, definition in schema["$defs"].items():
            validator = Draft202012Validator(definition)
            rows = connection.execute(f"select to_json(t)::varchar from {table} as t limit 50").fetchall()
            for [row] in rows:
                validator.validate(json.loads(row))


def test_the_schema_rejects_what_breaks_a_contract(sample, schema):
    validator = Draft202012Validator(schema["$defs"]["fct_conversations"])
    with reader(sample) as connection:
        [[row]] = connection.execute(
            "select to_json(t)::varchar from fct_conversations as t limit 1"
        ).fetchall()
    for column, value in (("conversation_id", None), ("messages", "three"), ("conversation_tags", [1])):
        with pytest.raises(ValidationError):
            validator.validate(json.loads(row) | {column: value})
    with pytest.raises(ValidationError):
        validator.validate({"conversation_id": "demo:1"})


def test_the_schema_describes_tables_and_columns(schema):
    for table, definition in schema["$defs"].items():
        assert "One row per" in definition["description"], table
        assert [
            name for name, column in definition["properties"].items() if not column.get("description")
        ] == []


def test_marts_are_public_with_a_contract_and_working_tables_are_private(sample):
    models = [node for node in read_manifest(sample)["nodes"].values() if node["resource_type"] == "model"]
    access = {node["name"]: node["access"] for node in models}
    layers = {name: name.partition("_")[0] for name in access}
    private = ("stg", "base", "int")
    expected = {
        n: "private" if layers[n] in private else "protected" if layers[n] == "rpt" else "public"
        for n in access
    }
    assert access == expected
    assert all(node["contract"]["enforced"] for node in models if node["access"] == "public")
    assert {node["config"]["group"] for node in models} == {"conversation_reports"}
