"""What changes the fingerprint of a release: its code, texts and versions, but not their documentation."""

import shutil
from pathlib import Path

import pytest

from orchestration.settings import PROJECT, Settings
from orchestration.warehouse import inputs

CODE = "orchestration/publish/store.py"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings whose project and code are a copy that a test can change."""
    for folder in ("orchestration", "reports", "seeds", "models"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "dbt_project").mkdir()
    monkeypatch.setattr(inputs, "PROJECT", tmp_path)
    return Settings(home=tmp_path / "home", project=tmp_path)


def edit(settings: Settings, name: str, old: str = "", new: str = "") -> None:
    path = settings.project / name
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if old else text + new)
    assert path.read_text() != text


@pytest.mark.parametrize(
    ("old", "new"),
    [('"""', '"""Other words. '), ("", "\n\n\n# A comment.\n"), ("\n    return ", "\n\n    return ")],
)
def test_docstrings_comments_and_blank_lines_do_not_count(settings: Settings, old: str, new: str) -> None:
    before = inputs.current_inputs(settings)
    edit(settings, CODE, old, new)
    assert inputs.current_inputs(settings) == before


@pytest.mark.parametrize(
    "name",
    [
        CODE,
        "orchestration/quality/gate.py",
        "orchestration/publish/page/style.css",
        "orchestration/publish/macros/filters.sql",
        "reports/language.py",
        "reports/texts/static.it.toml",
    ],
)
def test_code_and_texts_of_a_release_change_the_release_but_not_the_build(
    settings: Settings, name: str
) -> None:
    before = inputs.current_inputs(settings)
    edit(settings, name, new="\nANY = 1\n")
    after = inputs.current_inputs(settings)
    assert after.fingerprint != before.fingerprint
    assert after.rules == before.rules


@pytest.mark.parametrize("name", ["models/marts/fct_messages.sql", "seeds/accounts.csv"])
def test_models_and_seeds_change_the_build(settings: Settings, name: str) -> None:
    before = inputs.current_inputs(settings)
    edit(settings, name, new=" ")
    after = inputs.current_inputs(settings)
    assert after.fingerprint != before.fingerprint
    assert after.rules != before.rules


@pytest.mark.parametrize("package", ["duckdb", "dbt-core", "dbt-duckdb"])
def test_another_version_of_the_engine_or_of_dbt_changes_the_build(
    settings: Settings, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs.current_inputs(settings)
    installed = inputs.version
    monkeypatch.setattr(inputs, "version", lambda name: "999.0" if name == package else installed(name))
    assert inputs.current_inputs(settings).rules != before.rules
