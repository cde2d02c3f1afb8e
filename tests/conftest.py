"""What the tests share: a sample built by the real pipeline, once, and marts built from any landing."""

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

# Tests do not read the settings of the user that starts them, and wait for no file.
settings_module.DOTENV = Path(os.devnull)
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER_"))
} | {f"{PREFIX}SETTLE_SECONDS": "0"}

# Secrets with which the sample is built, to be looked for in all that it leaves behind.
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
def _environment_of_its_own():
    """Give every test the environment of the start: settings reach dbt and Dagster through it.

    What fixtures of a module or session left there goes too: it would lead a test to the home of another.
    """
    _restore_environment()
    # With it, pytest compares all lines of two values that differ: half an hour for the rows of a release.
    os.environ.pop("CI", None)
    yield
    _restore_environment()


def _restore_environment() -> None:
    pytests_own = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    os.environ.clear()
    os.environ.update(ENVIRONMENT | pytests_own)


_restore_environment()  # what is built for a session or module begins with it too


@pytest.fixture(scope="session")
def _sample(tmp_path_factory, worker_id) -> tuple[Settings, str]:
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    home, told = shared / "sample", shared / "sample.txt"
    settings = Settings(home=home, dagster=home / "dagster")
    planted = Settings(**PLANTED, home=home, dagster=home / "dagster")
    with FileLock(shared / "sample.lock"), patch.dict(os.environ, PLANTED_VARIABLES):
        if not told.exists():
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                assert run(planted) == 0, output.getvalue()
            told.write_text(output.getvalue())
    return settings, told.read_text()


@pytest.fixture(scope="session")
def sample(_sample) -> Settings:
    """Return the settings of a home in which the sample was published. To change it, copy it first."""
    return _sample[0]


@pytest.fixture(scope="session")
def sample_output(_sample) -> str:
    """Return what the run that published the sample printed."""
    return _sample[1]


@pytest.fixture(scope="session")
def linked(tmp_path_factory) -> Callable[[Settings], Settings]:
    """Return a function that gives settings whose home and project have the same paths in all tests.

    dbt parses the whole project again where a path differs from that of its last parse. The paths are links
    to the home and the project of the last settings, so only those can be built.
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
    """Return a function that ingests a landing and builds its marts; it gives the path of the candidate."""

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
def sound(tmp_path_factory) -> Settings:
    """Return the settings of a home with a candidate that passes every check. To change it, copy it first."""
    from passing_candidate import write_passing_candidate  # imports Great Expectations, which takes seconds

    settings = Settings(home=tmp_path_factory.mktemp("sound"), threads=1)
    write_passing_candidate(settings)
    return settings


@pytest.fixture
def candidate(sound, tmp_path) -> Settings:
    """Return the settings of a copy of the sound candidate, to be changed."""
    return Settings(home=shutil.copytree(sound.home, tmp_path / "home"), threads=1)


LOADING = ("ingested_files", "rejected_records")  # the published tables that tell of the loading itself


def published_rows(settings: Settings, without: Collection[str] = ()) -> dict[str, list[tuple]]:
    """Return the rows of every published table but these, in one order."""
    with reader(settings) as connection:
        return rows_of(connection, without)


def rows_of(connection: duckdb.DuckDBPyConnection, without: Collection[str]) -> dict[str, list[tuple]]:
    """Return the rows of the tables of a release that lie where the connection stands, but of these."""
    tables = TABLES.keys() - set(without)
    return {table: rows_in(connection, table) for table in tables}


def rows_in(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple]:
    """Return the rows of a table or file, in one order, without the id of the build that made each."""
    query = f"select columns(lambda name: name <> 'build_id') from {source}"
    return sorted(connection.execute(query).fetchall(), key=repr)


def project_with(seeds: Path, folder: Path) -> Path:
    """Copy the dbt project to `folder`, with these seeds in the place of those of the same names.

    Where they replace the accounts, the targets of the shipped account are left out.
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
    """Run dbt's command line on the project; the test fails with its output if it does."""
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
