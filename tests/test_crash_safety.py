"""Whatever stops a run, the last good release can be read, and the next run does what was left undone.

Belongs here: killed runs, full disks, damaged files, stale locks, a clock that goes back. Does not: a release
that is interrupted or damaged (`test_publish`). The slow tests start runs as a user does, by the functions of
`benchmarks/kill.py`, and hold what comes out against a run that nobody disturbed.
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
from house import House, jsonl

from benchmarks.kill import TARGETS, Laboratory, Run, published
from benchmarks.readers import look
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
def laboratory(tmp_path_factory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("laboratory"))


@pytest.fixture
def small_disk(tmp_path):
    """Return the folder of a disk of 150 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=150m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, kilobytes: int) -> Path:
    """Leave so much room on the disk; return the file to remove for more."""
    ballast = disk / "ballast"
    room = shutil.disk_usage(disk).free - kilobytes * 1024
    with ballast.open("wb") as stream:
        while room > 0:
            room -= stream.write(b"x" * min(room, 2**20))
    return ballast


def cut(path: Path) -> None:
    """Leave the first half of a file, as a crash may that the disk did not hear of."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def run(settings: Settings, **environment: str) -> tuple[int, str]:
    run = Run(settings, environment)
    return run.finish(), "".join(run.lines)


# Killed


@pytest.mark.slow
def test_killed_runs_leave_the_release_readable_and_the_next_run_repairs(laboratory):
    dice = random.Random(3)
    trial = laboratory.trial([(stage, dice.random()) for stage in dice.sample(TARGETS, 3)])
    assert trial.is_repaired, trial.told
    assert not trial.wrong
    assert trial.looks > 3


# A full disk


@pytest.mark.slow
def test_a_run_on_a_full_disk_says_so_and_the_next_one_with_room_does_the_work(laboratory, small_disk):
    laboratory.renew()
    home = shutil.copytree(laboratory.settings.home, small_disk / "home", symlinks=True)
    settings = Settings(home=home, dagster=home / "dagster", project=laboratory.settings.project, threads=2)
    old = current_release(settings)

    for kilobytes in (0, 3000):
        ballast = fill(small_disk, kilobytes)
        code, told = run(settings)
        ballast.unlink()
        assert code == 1, told
        # What dbt's own log says of a full disk stands before it.
        said = told[told.index(f"The disk that holds {home}") :]
        assert "is full. Make room and run again" in said
        assert "Traceback" not in said
        assert look(settings) is None
        assert current_release(settings) == old

    code, told = run(settings)
    assert code == 0, told
    assert laboratory.fault(settings) == ""


def test_an_ingest_on_a_full_disk_commits_nothing_and_the_next_one_all(small_disk, tmp_path):
    def agents(first: int) -> bytes:
        names = ((n, sha512(str(n).encode()).hexdigest()) for n in range(first, first + 500))
        return jsonl(*({"id": f"ag-{number}", "first_name": name} for number, name in names))

    houses = House(small_disk / "home", landing=tmp_path / "landing"), House(tmp_path / "home")
    for house in houses:
        house.drop("agents/first.jsonl", agents(0))
        house.ingest()
        house.drop("agents/second.jsonl", agents(500))
    for kilobytes in (0, 16):
        ballast = fill(small_disk, kilobytes)
        with pytest.raises((OSError, duckdb.Error)) as error:
            houses[0].ingest()
        assert full_disk(houses[0].settings, error.value)
        ballast.unlink()
        assert len(houses[0].rows("agents")) == 500
    for house in houses:
        house.ingest()
    assert houses[0].everything() == houses[1].everything()


@pytest.mark.parametrize("kilobytes", [0, 500, 4000])
def test_a_release_that_finds_no_room_leaves_the_old_one_and_nothing_else(small_disk, kilobytes):
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
    assert look(settings) is None
    publish(settings, {})
    assert current_release(settings).build_id == "build-2"
    assert look(settings) is None


def test_only_a_full_disk_is_called_full(tmp_path):
    settings = Settings(home=tmp_path)
    assert full_disk(settings, OSError(28, os.strerror(28)))
    assert full_disk(settings, duckdb.IOException("IO Error: Could not write all: No space left on device"))
    assert full_disk(settings, ValueError("it is not a number")) is None


# Damaged files


def test_a_key_file_that_a_crash_left_empty_gets_a_key(tmp_path):
    settings = Settings(home=tmp_path)
    settings.hash_key_path.touch()
    assert len(settings.ensure_hash_key().read_text()) == 64


@pytest.mark.slow
def test_damaged_files_are_built_anew_by_the_next_run(laboratory):
    laboratory.renew()
    settings = laboratory.settings
    published_path = settings.published_path
    for path in (
        settings.warehouse_path,
        settings.candidate_path,
        settings.dbt_target_path / "manifest.json",
        published_path / "reports.duckdb",
        published_path / "release.json",
    ):
        cut(path)

    code, told = run(settings)

    assert code == 0, told
    assert "warehouse.duckdb is damaged and is rebuilt from raw/" in told
    assert laboratory.fault(settings) == ""
    assert look(settings) is None


def spoil(path: Path) -> None:
    """Overwrite all of the file but its head, which tells what the tables are."""
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


@pytest.mark.parametrize("damage", [cut, empty, spoil, overwrite_rows])
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
def test_a_sound_candidate_stays_and_so_does_one_that_another_program_holds(candidate, name):
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


def test_the_summary_tells_of_a_damaged_release_without_a_trace(tmp_path, capfd):
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


def test_the_lock_of_a_dead_process_holds_nobody_back(tmp_path):
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
def test_a_run_that_was_killed_while_it_held_the_lock_counts_as_failed(tmp_path, tags):
    settings = Settings(home=tmp_path, dagster=tmp_path / "dagster")
    started = {"status": dg.DagsterRunStatus.STARTED, "tags": tags}
    with open_instance(settings) as instance, run_lock(settings):
        killed, current, other = (instance.create_run_for_job(refresh, **started) for _ in range(3))
        settings.lock_path.write_text(killed.run_id)

        left = fail_killed_runs(settings, instance, current.run_id)

        # No other run by hand can be alive. Of the daemon's runs, the lock's holder is known to be dead.
        assert set(left) == ({killed.run_id, other.run_id} if tags else {killed.run_id})
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(current.run_id).status == dg.DagsterRunStatus.STARTED
        assert fail_killed_runs(settings, instance, current.run_id) == []


def test_a_run_of_dagster_holds_the_lock_to_its_end_and_the_one_killed_before_is_failed(tmp_path):
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
def test_with_a_clock_a_year_back_the_new_release_is_the_newest_and_the_same(laboratory):
    laboratory.renew()
    settings = laboratory.settings
    old, first = current_release(settings), max(path.name for path in ledger_folder(settings).glob("2*"))
    library = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"

    code, told = run(settings, LD_PRELOAD=str(library), FAKETIME="-1y", FAKETIME_DONT_FAKE_MONOTONIC="1")

    assert code == 0, told
    new = current_release(settings)
    assert new.published_at[:4] < old.published_at[:4]
    assert new.release_id > old.release_id
    assert max(path.name for path in (settings.published_path / "releases").iterdir()) == new.release_id
    assert max(path.name for path in ledger_folder(settings).glob("2*")) > first
    assert laboratory.fault(settings) == ""
    assert published(settings) == laboratory.expected
