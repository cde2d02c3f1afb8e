"""Shared fixtures: a published sample, a candidate that passes every check, and marts of any landing."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
from filelock import FileLock

from orchestration import settings as settings_module
from orchestration.commands import run
from orchestration.ingest.pipeline import ingest
from orchestration.publish.reader import reader
from orchestration.publish.tables import TABLES
from orchestration.settings import PREFIX, PROJECT, Settings
from orchestration.warehouse.candidate import complete_build

# Tests ignore the user's settings and ingest files without waiting.
settings_module.DOTENV = Path(os.devnull)
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER_"))
} | {f"{PREFIX}SETTLE_SECONDS": "0"}

# Secrets used in the run of the sample. Tests search for them in all files and output of that run.
PLANTED = {
    "hash_key": "planted: the key of the hash",
    "alert_urls": "json://user:planted-alert@127.0.0.1:9/hook",
    "report_access": Path("/planted-access.csv"),
    "report_user_header": "X-Planted-Header",
}
PLANTED_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "PLANTEDACCESSKEY",
    "AWS_SECRET_ACCESS_KEY": "planted-aws-secret",
    "DAGSTER_POSTGRES_PASSWORD": "planted-postgres-password",
}


@pytest.fixture(autouse=True)
def _isolated_environment():
    """Restore the initial environment around every test, because settings reach dbt and Dagster through it.

    Variables set by fixtures of a module or session are removed, so that no test uses the home of another.
    """
    _restore_environment()
    # If CI is set, pytest prints full diffs, which takes half an hour for the rows of a release.
    os.environ.pop("CI", None)
    yield
    _restore_environment()


def _restore_environment() -> None:
    pytests_own = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    os.environ.clear()
    os.environ.update(ENVIRONMENT | pytests_own)


_restore_environment()  # also for fixtures of a session or module


@pytest.fixture(scope="session")
def _sample(tmp_path_factory, worker_id) -> tuple[Settings, str]:
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    home, printed = shared / "sample", shared / "sample.txt"
    settings = Settings(home=home, dagster=home / "dagster")
    planted = Settings(**PLANTED, home=home, dagster=home / "dagster")
    with FileLock(shared / "sample.lock"), patch.dict(os.environ, PLANTED_VARIABLES):
        if not printed.exists():
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                assert run(planted) == 0, output.getvalue()
            printed.write_text(output.getvalue())
    return settings, printed.read_text()


@pytest.fixture(scope="session")
def sample(_sample) -> Settings:
    """Return the settings of a home with the published sample. Copy it before changing it."""
    return _sample[0]


@pytest.fixture(scope="session")
def sample_output(_sample) -> str:
    """Return the output of the run that published the sample."""
    return _sample[1]


@pytest.fixture(scope="session")
def linked(tmp_path_factory) -> Callable[[Settings], Settings]:
    """Return a function that returns settings with the same home and project paths in all tests.

    dbt parses the whole project again if a path differs from that of its last parse. The paths are symbolic
    links to the home and the project of the last call, so only those can be built.
    """
    links = tmp_path_factory.mktemp("linked")
    parse = links / "dbt" / "partial_parse.msgpack"
    parse.parent.mkdir()

    def link(settings: Settings) -> Settings:
        for name in ("home", "project"):
            (links / name).unlink(missing_ok=True)
            (links / name).symlink_to(getattr(settings, name))
        at_links = settings.model_copy(update={name: links / name for name in ("home", "project")})
        if not parse.exists():
            dbt(at_links, "parse", "--target-path", str(parse.parent))
        os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(parse)
        return at_links

    return link


@pytest.fixture(scope="session")
def build(linked) -> Callable[..., Path]:
    """Return a function that ingests a landing, builds its marts and returns the path of the candidate."""

    def build_marts(landing: Path, home: Path, seeds: Path | None = None) -> Path:
        project = project_with(seeds, home / "project") if seeds else PROJECT
        settings = Settings(home=home, landing=landing, project=project, hash_key="the same key for all")
        ingest(settings)
        settings.ensure_hash_key()
        dbt(linked(settings), "build", "--resource-type", "seed", "--resource-type", "model")
        complete_build(settings, fingerprint="of the test", rules="of the test", batches=[])
        return settings.candidate_path

    return build_marts


@pytest.fixture(scope="session")
def passing(tmp_path_factory) -> Settings:
    """Return the settings of a home with a candidate that passes every check. Copy it before changing it."""
    from passing_candidate import write_passing_candidate  # imports Great Expectations, which takes seconds

    settings = Settings(home=tmp_path_factory.mktemp("passing"), threads=1)
    write_passing_candidate(settings)
    return settings


@pytest.fixture
def candidate(passing, tmp_path) -> Settings:
    """Return the settings of a copy of the passing candidate, which a test can change."""
    return Settings(home=shutil.copytree(passing.home, tmp_path / "home"), threads=1)


LOADING = ("ingested_files", "rejected_records")  # tables whose rows depend on how files are split


def published_rows(settings: Settings, without: Collection[str] = ()) -> dict[str, list[tuple]]:
    """Return the sorted rows of every published table except these."""
    with reader(settings) as connection:
        return rows_of(connection, without)


def rows_of(connection: duckdb.DuckDBPyConnection, without: Collection[str]) -> dict[str, list[tuple]]:
    """Return the sorted rows of every published table except these, from the connected database."""
    tables = TABLES.keys() - set(without)
    return {table: rows_in(connection, table) for table in tables}


def rows_in(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple]:
    """Return the sorted rows of a table or file, without the column `build_id`."""
    query = f"select columns(lambda name: name <> 'build_id') from {source}"
    return sorted(connection.execute(query).fetchall(), key=repr)


def project_with(seeds: Path, folder: Path) -> Path:
    """Copy the dbt project to `folder` and overwrite its seeds with those of the folder `seeds`.

    If these contain `accounts.csv`, the targets of the shipped account are removed.
    """
    for part in ("dbt_project", "models", "seeds"):
        shutil.copytree(
            PROJECT / part, folder / part, ignore=shutil.ignore_patterns("target", "logs"), dirs_exist_ok=True
        )
    targets = folder / "seeds" / "sla_targets.csv"
    if (seeds / "accounts.csv").exists():
        targets.write_text(targets.read_text().splitlines()[0] + "\n")
    shutil.copytree(seeds, folder / "seeds", dirs_exist_ok=True)
    return folder


def dbt(settings: Settings, *arguments: str) -> None:
    """Run a dbt command on the project. The test fails with the output of dbt if the command fails."""
    project, target = settings.project / "dbt_project", str(settings.dbt_target_path)
    paths = [
        "--project-dir",
        str(project),
        "--profiles-dir",
        ".",
        "--target-path",
        target,
        "--log-path",
        target,
    ]
    outcome = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), arguments[0], *paths, *arguments[1:]],
        cwd=project,
        env=os.environ | settings.environment(),
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stdout
