"""Somebody else's program on the candidate: it is waited for, and named if it does not go."""

import subprocess
import sys
from contextlib import contextmanager

import duckdb
import pytest

from orchestration.quality import asset_checks
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings
from orchestration.warehouse import candidate
from orchestration.warehouse.candidate import CandidateHeldError, wait_until_free

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=len(sys.argv) > 2); print(); input()"


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setattr(candidate, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(candidate, "LOOK_EVERY_SECONDS", 0.05)
    settings = Settings(home=tmp_path)
    duckdb.connect(settings.warehouse_path).close()
    return settings


@contextmanager
def held(settings: Settings, *options: str):
    command = [sys.executable, "-c", HOLD, str(settings.warehouse_path), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        program.stdout.readline()
        try:
            yield program
        finally:
            program.kill()


def test_who_holds_the_candidate_for_too_long_is_named(settings):
    with held(settings) as program, pytest.raises(CandidateHeldError) as error:
        wait_until_free(settings, lambda message: None)

    assert f"(PID {program.pid})" in str(error.value)
    assert "Close that program and run again" in str(error.value)
    assert "reports.duckdb instead" in str(error.value)


def test_who_lets_go_in_time_is_waited_for(settings, monkeypatch):
    monkeypatch.setattr(candidate, "WAIT_SECONDS", 60)
    told = []
    with held(settings) as program:

        def let_go(message: str) -> None:
            told.append(message)
            program.communicate("\n")

        wait_until_free(settings, let_go)

    assert len(told) == 1
    assert f"(PID {program.pid})" in told[0]


def test_readers_are_in_the_way_of_the_writer_only(settings):
    with held(settings, "read only"):
        wait_until_free(settings, pytest.fail, read_only=True)
        with pytest.raises(CandidateHeldError):
            wait_until_free(settings, lambda message: None)


def test_without_a_candidate_nobody_is_waited_for(tmp_path):
    wait_until_free(Settings(home=tmp_path), pytest.fail)


def test_checks_that_cannot_read_the_candidate_say_who_holds_it(settings):
    with held(settings) as program:
        results = asset_checks._results(settings, MARTS[:1], lambda message: None)

    for result in results:
        assert result.broken
        assert f"(PID {program.pid}). Close that program and run again" in result.found
