"""The history of check results: one file with the results of the last runs, without examples."""

from dataclasses import replace

import duckdb
import pytest

from orchestration.quality import results
from orchestration.quality.check import CheckResult
from orchestration.quality.marts import MARTS
from orchestration.quality.results import COLUMNS, FILE, history, store_results
from orchestration.settings import Settings

CHECKS = [check for mart in MARTS for check in mart.checks]
BLOCKING = next(check for check in CHECKS if check.severity == "error")
WARNING = next(check for check in CHECKS if check.severity == "warn")
FAILED = CheckResult(
    "fct_messages", replace(BLOCKING, name="a_check"), False, False, "2 violations", ("<b>c-7</b>",)
)
BROKEN = CheckResult("fct_messages", replace(WARNING, name="a_warning"), False, True, "no such table")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path)


def kept(settings: Settings, columns: str = "run_id") -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(f"select {columns} from ({history(settings)}) order by all").fetchall()


def test_results_are_kept_run_by_run_without_examples(settings):
    store_results(settings, "run-1", [FAILED, BROKEN])
    store_results(settings, "run-2", [replace(FAILED, passed=True)])
    assert kept(settings, "run_id, check_name, severity, status, found") == [
        ("run-1", "a_check", "error", "failed", "2 violations"),
        ("run-1", "a_warning", "warn", "broken", "no such table"),
        ("run-2", "a_check", "error", "passed", "2 violations"),
    ]
    assert b"c-7" not in b"".join(path.read_bytes() for path in settings.quality_path.iterdir())


def test_the_history_is_one_file_with_the_last_runs(settings, monkeypatch):
    monkeypatch.setattr(results, "KEPT_RUNS", 3)
    for number in (9, 8, 1, 5, 2):  # the order in which runs were kept, not that of their ids
        store_results(settings, f"run-{number}", [FAILED, BROKEN])
    assert [path.name for path in settings.quality_path.iterdir()] == [FILE]
    assert kept(settings, "distinct run_id") == [("run-1",), ("run-2",), ("run-5",)]


def test_a_run_that_checks_again_replaces_its_results(settings):
    store_results(settings, "run-1", [FAILED])
    store_results(settings, "run-1", [replace(FAILED, passed=True)])
    assert kept(settings, "run_id, status") == [("run-1", "passed")]


def test_files_of_single_runs_are_merged_into_the_history(settings):
    for run in ("run-1", "run-2"):
        store_results(settings, run, [FAILED]).rename(settings.quality_path / f"{run}.parquet")
    assert kept(settings) == [("run-1",), ("run-2",)]
    store_results(settings, "run-3", [FAILED])
    assert [path.name for path in settings.quality_path.iterdir()] == [FILE]
    assert kept(settings) == [("run-1",), ("run-2",), ("run-3",)]


def test_a_history_without_runs_has_columns_and_no_rows(settings):
    with duckdb.connect() as connection:
        found = connection.execute(history(settings))
        assert [column[0] for column in found.description] == list(COLUMNS)
        assert found.fetchall() == []


def test_a_damaged_history_is_set_aside_and_begins_again(settings, caplog):
    store_results(settings, "run-1", [FAILED]).write_bytes(b"no Parquet")
    store_results(settings, "run-2", [FAILED])
    assert kept(settings) == [("run-2",)]
    assert (settings.quality_path / "results.damaged").read_bytes() == b"no Parquet"
    assert "cannot be read" in caplog.text
