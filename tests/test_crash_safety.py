"""After any interruption of a run, the last release is readable, and the next run completes the work.

Belongs here: killed runs, full disks, damaged files, stale locks, a clock that is set back. Does not: an
interrupted or damaged release (`test_publish`). The slow tests start runs with the functions of
`benchmarks/kill.py` and compare the result with that of an uninterrupted run.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha512
from pathlib import Path

import dagster as dg
import duckdb
import libfaketime
import pytest
import synthetic_candidate
from temporary_home import TemporaryHome, jsonl

from benchmarks.kill import TARGETS, Run, TrialHome, published
from benchmarks.readers import read_release
from orchestration.automation.home_lock import BY_HAND, fail_killed_runs, locked_settings
from orchestration.automation.sensors import killed_run_sensor
from orchestration.commands import open_instance, run_lock
from orchestration.common.disk import full_disk
from orchestration.ingest.raw_store.ledger import ledger_folder
from orchestration.publish.release import PublishError, current_release
from orchestration.publish.store import publish
from orchestration.settings import PROJECT, Settings
from orchestration.summary import print_summary
from orchestration.warehouse.assets import _remove_damaged


@pytest.fixture(scope="module")
def trial_home(tmp_path_factory) -> TrialHome:
    return TrialHome(tmp_path_factory.mktemp("trial_home"))


@pytest.fixture
def small_disk(tmp_path):
    """Return the folder of a separate disk of 150 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=150m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, kilobytes: int) -> Path:
    """Fill the disk except for some kilobytes. Return the file that fills it."""
    ballast = disk / "ballast"
    room = shutil.disk_usage(disk).free - kilobytes * 1024
    with ballast.open("wb") as stream:
        while room > 0:
            room -= stream.write(b"x" * min(room, 2**20))
    return ballast


def cut(path: Path) -> None:
    """Truncate a file to its first half, as a crash of the machine can do."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def run(settings: Settings, **environment: str) -> tuple[int, str]:
    run = Run(settings, environment)
    return run.finish(), "".join(run.lines)


# Killed runs


@pytest.mark.slow
def test_after_killed_runs_the_release_is_readable_and_the_next_run_repairs_the_home(trial_home):
    rng = random.Random(3)
    trial = trial_home.trial([(stage, rng.random()) for stage in rng.sample(TARGETS, 3)])
    assert trial.is_repaired, trial.result
    assert not trial.problems
    assert trial.reads > 3


# A full disk


@pytest.mark.slow
def test_a_run_reports_a_full_disk_and_the_next_run_with_space_succeeds(trial_home, small_disk):
    trial_home.restore()
    home = shutil.copytree(trial_home.settings.home, small_disk / "home", symlinks=True)
    settings = Settings(home=home, dagster=home / "dagster", project=trial_home.settings.project, threads=2)
    old = current_release(settings)

    for kilobytes in (0, 3000):
        ballast = fill(small_disk, kilobytes)
        code, output = run(settings)
        ballast.unlink()
        assert code == 1, output
        # The log of dbt also reports the full disk, before the summary.
        message = output[output.index(f"The disk that holds {home}") :]
        assert "is full. Make room and run again" in message
        assert "Traceback" not in message
        assert read_release(settings) is None
        assert current_release(settings) == old

    code, output = run(settings)
    assert code == 0, output
    assert trial_home.difference(settings) == ""


def test_an_ingest_on_a_full_disk_commits_nothing_and_the_next_one_everything(small_disk, tmp_path):
    def agents(first: int) -> bytes:
        names = ((n, sha512(str(n).encode()).hexdigest()) for n in range(first, first + 500))
        return jsonl(*({"id": f"ag-{number}", "first_name": name} for number, name in names))

    homes = TemporaryHome(small_disk / "home", landing=tmp_path / "landing"), TemporaryHome(tmp_path / "home")
    for home in homes:
        home.drop("agents/first.jsonl", agents(0))
        home.ingest()
        home.drop("agents/second.jsonl", agents(500))
    for kilobytes in (0, 16):
        ballast = fill(small_disk, kilobytes)
        with pytest.raises((OSError, duckdb.Error)) as error:
            homes[0].ingest()
        assert full_disk(homes[0].settings, error.value)
        ballast.unlink()
        assert len(homes[0].rows("agents")) == 500
    for home in homes:
        home.ingest()
    assert homes[0].all_rows() == homes[1].all_rows()


@pytest.mark.parametrize("kilobytes", [0, 500, 4000])
def test_a_publication_on_a_full_disk_leaves_the_old_release_and_no_other_file(small_disk, kilobytes):
    settings = Settings(home=small_disk / "home", memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path)
    publish(settings, {})
    files = sorted(settings.published_path.rglob("*"))
    synthetic_candidate.increment(settings.candidate_path)

    ballast = fill(small_disk, kilobytes)
    with pytest.raises((PublishError, OSError)) as error:
        publish(settings, {})
    assert full_disk(settings, error.value)
    ballast.unlink()

    assert sorted(settings.published_path.rglob("*")) == files
    assert read_release(settings) is None
    publish(settings, {})
    assert current_release(settings).build_id == "build-2"
    assert read_release(settings) is None


def test_only_errors_of_a_full_disk_are_recognized(tmp_path):
    settings = Settings(home=tmp_path)
    assert full_disk(settings, OSError(28, os.strerror(28)))
    assert full_disk(settings, duckdb.IOException("IO Error: Could not write all: No space left on device"))
    assert full_disk(settings, ValueError("it is not a number")) is None


# Damaged files


def test_an_empty_key_file_gets_a_key(tmp_path):
    settings = Settings(home=tmp_path)
    settings.hash_key_path.touch()
    assert len(settings.ensure_hash_key().read_text()) == 64


@pytest.mark.slow
def test_damaged_files_are_rebuilt_by_the_next_run(trial_home):
    trial_home.restore()
    settings = trial_home.settings
    published_path = settings.published_path
    for path in (
        settings.warehouse_path,
        settings.candidate_path,
        settings.dbt_target_path / "manifest.json",
        published_path / "reports.duckdb",
        published_path / "release.json",
    ):
        cut(path)

    code, output = run(settings)

    assert code == 0, output
    assert "warehouse.duckdb is damaged and is rebuilt from raw/" in output
    assert trial_home.difference(settings) == ""
    assert read_release(settings) is None


def overwrite_tables(path: Path) -> None:
    """Overwrite all of the file except its head, which contains the catalog."""
    content = path.read_bytes()
    path.write_bytes(content[: 3 * 4096] + bytes(len(content) - 3 * 4096))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite_rows(path: Path) -> None:
    content = path.read_bytes()
    place = content.index(b"a text to be found")
    path.write_bytes(content[:place] + b"another" + content[place + 7 :])


@pytest.fixture
def candidate(tmp_path) -> Settings:
    settings = Settings(home=tmp_path)
    for path in (settings.warehouse_path, settings.candidate_path):
        with duckdb.connect(path) as connection:
            connection.execute(
                "create table a as select 'a text to be found' || i as t from range(9999) r(i)"
            )
    return settings


@pytest.mark.parametrize("damage", [cut, empty, overwrite_tables, overwrite_rows])
@pytest.mark.parametrize("name", ["warehouse.duckdb", "candidate.duckdb"])
def test_a_damaged_candidate_is_removed_and_reported(candidate, name, damage):
    damage(candidate.home / name)
    messages = []
    _remove_damaged(candidate, messages.append)
    assert not candidate.warehouse_path.exists()
    assert not candidate.candidate_path.exists()
    [message] = messages
    assert f"{name} is damaged and is rebuilt from raw/" in message


@pytest.mark.parametrize("name", ["warehouse.duckdb", "candidate.duckdb"])
def test_a_valid_candidate_is_kept_also_if_another_program_has_it_open(candidate, name):
    messages = []
    _remove_damaged(candidate, messages.append)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(candidate.home / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    _remove_damaged(candidate, messages.append)
    holder.communicate()
    assert candidate.warehouse_path.exists()
    assert candidate.candidate_path.exists()
    assert messages == []


def test_the_summary_reports_a_damaged_release_without_a_stack_trace(tmp_path, capfd):
    settings = Settings(home=tmp_path, memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path)
    publish(settings, {})
    file = settings.published_path / "reports.duckdb"
    file.chmod(0o644)
    for damage in (lambda path: duckdb.connect(path).execute("drop table agg_overview"), cut):
        damage(file)
        print_summary(settings, None)
        assert "release is damaged" in capfd.readouterr().out or current_release(settings) is None


# Stale locks


def test_the_lock_of_a_dead_process_blocks_no_run(tmp_path):
    settings = Settings(home=tmp_path)
    hold = (
        "import sys, time\nfrom orchestration.commands import Settings, run_lock\n"
        "with run_lock(Settings(home=sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, cwd=PROJECT, text=True
    )
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run_lock(settings):
        assert (tmp_path / "run.lock").exists()


@dg.op
def nothing():
    pass


@dg.job
def refresh():
    nothing()


@pytest.mark.parametrize("tags", [{}, {BY_HAND: "true"}])
def test_a_run_killed_while_it_holds_the_lock_is_marked_as_failed(tmp_path, tags):
    settings = Settings(home=tmp_path, dagster=tmp_path / "dagster")
    started = {"status": dg.DagsterRunStatus.STARTED, "tags": tags}
    with open_instance(settings) as instance, run_lock(settings):
        killed, current, other = (instance.create_run_for_job(refresh, **started) for _ in range(3))
        settings.lock_path.write_text(killed.run_id)

        left = fail_killed_runs(settings, instance, current.run_id)

        # No other run from the command line can be active. Of the daemon's runs, only the holder is dead.
        assert set(left) == ({killed.run_id, other.run_id} if tags else {killed.run_id})
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(current.run_id).status == dg.DagsterRunStatus.STARTED
        assert fail_killed_runs(settings, instance, current.run_id) == []


def test_a_dagster_run_holds_the_lock_and_marks_an_earlier_killed_run_as_failed(tmp_path):
    settings = Settings(home=tmp_path, dagster=tmp_path / "dagster")
    sensor = killed_run_sensor(settings)

    @dg.asset
    def table(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> str:
        assert settings.lock_path.read_text() == context.run_id
        with ThreadPoolExecutor(1) as other:
            tick = other.submit(sensor.evaluate_tick, dg.build_sensor_context(context.instance)).result()
        return tick.skip_message

    with open_instance(settings) as instance:
        killed = instance.create_run_for_job(refresh, status=dg.DagsterRunStatus.STARTED)
        settings.lock_path.write_text(killed.run_id)
        run = dg.materialize([table], instance=instance, resources={"settings": locked_settings(settings)})

        assert run.output_for_node("table") == "A run or a command is in progress."
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance))
        assert tick.skip_message == "No run was killed."


# The clock


@pytest.mark.slow
def test_after_the_clock_is_set_back_the_new_release_is_the_newest(trial_home):
    trial_home.restore()
    settings = trial_home.settings
    old, first = current_release(settings), max(path.name for path in ledger_folder(settings).glob("2*"))
    library = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"

    code, output = run(settings, LD_PRELOAD=str(library), FAKETIME="-1y", FAKETIME_DONT_FAKE_MONOTONIC="1")

    assert code == 0, output
    new = current_release(settings)
    assert new.published_at[:4] < old.published_at[:4]
    assert new.release_id > old.release_id
    assert max(path.name for path in (settings.published_path / "releases").iterdir()) == new.release_id
    assert max(path.name for path in ledger_folder(settings).glob("2*")) > first
    assert trial_home.difference(settings) == ""
    assert published(settings) == trial_home.expected
