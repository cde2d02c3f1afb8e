"""Another program that keeps the candidate open: runs wait for it, and name it after a timeout."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import synthetic_candidate

from orchestration.quality.asset_checks import check_candidate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings
from orchestration.warehouse import candidate
from orchestration.warehouse.assets import can_be_incremental
from orchestration.warehouse.candidate import (
    CandidateHeldError,
    complete_build,
    completed_build,
    wait_until_free,
)
from orchestration.warehouse.inputs import Inputs

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=len(sys.argv) > 2); print(); input()"


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setattr(candidate, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(candidate, "POLL_SECONDS", 0.05)
    settings = Settings(home=tmp_path)
    for path in (settings.warehouse_path, settings.candidate_path):
        duckdb.connect(path).close()
    return settings


@pytest.fixture(params=["candidate.duckdb", "warehouse.duckdb"])
def file(settings, request) -> Path:
    return settings.home / request.param


@contextmanager
def opened(file: Path, *options: str):
    command = [sys.executable, "-c", HOLD, str(file), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        program.stdout.readline()
        try:
            yield program
        finally:
            program.kill()


def test_a_program_that_keeps_the_candidate_open_is_named(settings, file):
    with opened(file) as program, pytest.raises(CandidateHeldError) as error:
        wait_until_free(settings, lambda message: None)

    assert f"{file} is held open" in str(error.value)
    assert f"(PID {program.pid})" in str(error.value)
    assert "Close that program and run again" in str(error.value)
    assert "reports.duckdb instead" in str(error.value)


def test_a_run_waits_for_a_program_that_closes_the_candidate_in_time(settings, file, monkeypatch):
    monkeypatch.setattr(candidate, "WAIT_SECONDS", 60)
    messages = []
    with opened(file) as program:

        def close(message: str) -> None:
            messages.append(message)
            program.communicate("\n")

        wait_until_free(settings, close)

    assert len(messages) == 1
    assert f"(PID {program.pid})" in messages[0]


def test_readers_block_only_writers(settings, file):
    with opened(file, "read only"):
        wait_until_free(settings, pytest.fail, read_only=True)
        with pytest.raises(CandidateHeldError):
            wait_until_free(settings, lambda message: None)


def test_a_run_does_not_wait_without_a_candidate(tmp_path):
    wait_until_free(Settings(home=tmp_path), pytest.fail)


def test_checks_name_the_program_that_keeps_the_candidate_open(settings, file):
    with opened(file) as program:
        build_id, results = check_candidate(settings, MARTS[:1], lambda message: None)

    assert build_id is None
    assert len(results) == len(MARTS[0].checks)
    for result in results:
        assert result.broken
        assert f"(PID {program.pid}) after 0.2 seconds. Close that program and run again" in result.found


def test_after_100_incremental_builds_a_full_build_compacts_the_candidate(tmp_path):
    settings = Settings(home=tmp_path)
    inputs = Inputs("fingerprint", "rules", [])
    synthetic_candidate.write(settings.candidate_path, conversations=1)
    complete_build(settings, inputs.fingerprint, inputs.rules, inputs.batches)
    for number, expected in ((99, True), (1, False)):
        with duckdb.connect(settings.candidate_path) as connection:
            connection.execute(
                "insert into build.builds by name select last.* replace (build_number + n as build_number)"
                " from (from build.builds order by build_number desc limit 1) as last,"
                " range(1, ? + 1) as t(n)",
                [number],
            )
        assert can_be_incremental(settings, inputs, completed_build(settings)) is expected
