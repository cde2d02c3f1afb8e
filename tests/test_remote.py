"""Landing as a URL: the same result as a folder, minimal downloads, and clear errors.

Belongs here: reading from an object store, with an S3 server. Does not: the ingest of the files
(`test_ingest`).
"""

import os
import shutil
import subprocess
import sys
from datetime import datetime

import boto3
import dagster as dg
import fsspec
import pytest
import requests
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from temporary_home import TemporaryHome, has_changes, jsonl

from orchestration.__main__ import main
from orchestration.automation.schedules import daily_schedule
from orchestration.automation.sensors import new_exports_sensor
from orchestration.commands import full_refresh, run
from orchestration.ingest.selection import gone_from_landing, new_files
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings

SAMPLES = PROJECT / "samples" / "landing"
URL = "s3://exports/from/platform"


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """Yield an empty bucket, with the environment set for its server."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    bucket = boto3.resource("s3").Bucket("exports")
    bucket.create()
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def downloads(monkeypatch) -> list[str]:
    """Return a list to which every download adds its key."""
    keys = []
    call = S3FileSystem._call_s3

    async def counted(self, method, *arguments, **named):
        if method == "get_object":
            keys.append(named["Key"])
        return await call(self, method, *arguments, **named)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counted)
    return keys


@pytest.fixture
def home(bucket, tmp_path) -> TemporaryHome:
    return TemporaryHome(tmp_path / "home", landing=URL)


def put(bucket, name: str, content: bytes) -> None:
    bucket.put_object(Key=f"from/platform/{name}", Body=content)


def agents(*ids: str) -> bytes:
    return jsonl(*({"id": name} for name in ids))


def test_a_store_gives_the_same_rows_as_a_folder(bucket, home, tmp_path):
    local = TemporaryHome(tmp_path / "local")
    shutil.copytree(SAMPLES, local.settings.landing_path)
    for path in SAMPLES.rglob("*.*"):
        put(bucket, path.relative_to(SAMPLES).as_posix(), path.read_bytes())
    for folder in ("demo", "demo/agents"):
        put(bucket, f"{folder}/", b"")  # an empty folder, as created by consoles
    bucket.put_object(Key="from/platform-2/demo/agents/another.jsonl", Body=agents("another"))
    put(bucket, "demo/agents/coming.jsonl.part", agents("half"))

    assert home.ingest().skipped == local.ingest().skipped == []

    assert home.all_rows() == local.all_rows()
    assert home.ingest().batch_id is None


@pytest.mark.parametrize("url", ["file://{}", "memory://exports"])
def test_any_file_system_of_fsspec_works(tmp_path, url):
    url = url.format(tmp_path / "away")
    with fsspec.open(f"{url}/demo/agents/1.jsonl", "wb", auto_mkdir=True) as file:
        file.write(agents("1", "2"))
    home = TemporaryHome(tmp_path / "home", landing=url)

    home.ingest()

    assert home.rows("agents", "id") == [("1",), ("2",)]
    assert not has_changes(home.settings)


def test_a_store_without_modification_times_is_rejected(tmp_path, monkeypatch):
    with fsspec.open("memory://timeless/demo/agents/1.jsonl", "wb") as file:
        file.write(agents("1"))
    find = MemoryFileSystem.find
    monkeypatch.setattr(
        MemoryFileSystem,
        "find",
        lambda *given, **named: {k: v | {"created": None} for k, v in find(*given, **named).items()},
    )
    with pytest.raises(SettingsError, match=r"this kind of store does not report modification times"):
        has_changes(Settings(home=tmp_path, landing="memory://timeless"))


def test_unchanged_files_are_not_downloaded(bucket, home, downloads):
    put(bucket, "demo/agents/1.jsonl", agents("1"))
    assert has_changes(home.settings)
    assert [file.name for file in new_files(home.settings)] == ["demo/agents/1.jsonl"]
    assert downloads == []

    home.ingest()
    assert downloads == ["from/platform/demo/agents/1.jsonl"]

    assert not has_changes(home.settings)
    assert home.ingest().batch_id is None
    put(bucket, "demo/agents/2.jsonl", agents("2"))
    home.ingest()
    assert downloads == ["from/platform/demo/agents/1.jsonl", "from/platform/demo/agents/2.jsonl"]


def test_a_missing_copy_of_a_loaded_file_is_not_a_change(bucket, home, downloads):
    put(bucket, "demo/agents/1.jsonl", agents("1"))
    home.ingest()
    shutil.rmtree(home.settings.landing_path)

    assert not has_changes(home.settings)
    assert home.ingest().batch_id is None
    assert len(downloads) == 1


def test_misplaced_objects_are_named_and_not_downloaded(bucket, home, downloads):
    for name in ("stray.jsonl", "unknown/agents/1.jsonl", "demo/agent/1.jsonl", "demo/agents/deep/1.jsonl"):
        put(bucket, name, agents("1"))

    rejected = home.ingest().skipped

    assert [message.split(";")[0] for message in rejected] == [
        "stray.jsonl: a file in the wrong folder",
        "demo/agent/: no entity of activecampaign",
        "demo/agents/deep: not a file",
        "unknown/: no account of this name",
    ]
    assert downloads == []
    assert not has_changes(home.settings)


def test_a_changed_object_with_the_same_size_and_second_is_loaded(bucket, home, monkeypatch):
    now = datetime(2026, 1, 1, 12)
    monkeypatch.setattr("moto.s3.models.utcnow", lambda: now)  # the clock of the store
    put(bucket, "demo/agents/1.jsonl", agents("1"))
    home.ingest()
    put(bucket, "demo/agents/1.jsonl", agents("2"))
    assert has_changes(home.settings)
    home.ingest()

    assert sorted(home.rows("agents", "id")) == [("1",), ("2",)]
    assert not has_changes(home.settings)


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_object_that_changes_during_the_copy_is_left_for_the_next_run(bucket, home, monkeypatch, change):
    put(bucket, "demo/agents/1.jsonl", agents("1"))
    put(bucket, "demo/agents/2.jsonl", agents("2"))
    get_file = S3FileSystem._get_file

    async def change_during_copy(self, source, *arguments, **named):
        if source.endswith("/2.jsonl") and change == "removed":
            bucket.Object("from/platform/demo/agents/2.jsonl").delete()
        await get_file(self, source, *arguments, **named)
        if source.endswith("/2.jsonl"):
            put(bucket, "demo/agents/2.jsonl", agents("3"))

    with monkeypatch.context() as patch:
        patch.setattr(S3FileSystem, "_get_file", change_during_copy)
        result = home.ingest()

    message = "demo/agents/2.jsonl: it changed while it was copied; it is left for the next run"
    assert result.skipped == [message]
    assert home.rows("agents", "id") == [("1",)]
    assert [path.name for path in home.settings.landing_path.rglob("*.*")] == ["1.jsonl"]
    S3FileSystem.clear_instance_cache()  # it keeps the patched methods
    if change == "removed":
        put(bucket, "demo/agents/2.jsonl", agents("3"))
    home.ingest()
    assert home.rows("agents", "id") == [("1",), ("3",)]


def test_a_failed_copy_stops_the_run_and_complete_copies_are_used_by_the_next(
    bucket, home, monkeypatch, downloads
):
    for name in "12":
        put(bucket, f"demo/agents/{name}.jsonl", agents(name))
    get_file = S3FileSystem._get_file

    async def failing(self, source, target, **named):
        await get_file(self, source, target, **named)
        if source.endswith("/2.jsonl"):
            raise ConnectionError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(S3FileSystem, "_get_file", failing)
        with pytest.raises(SettingsError) as failure:
            home.ingest()

    assert f"CONVERSATIONS_LANDING={URL}: it cannot be copied (the line broke); check" in str(failure.value)
    S3FileSystem.clear_instance_cache()  # it keeps the patched methods
    assert home.rows("agents") == home.ledger() == []
    assert [path.name for path in home.settings.landing_path.rglob("*") if path.is_file()] == ["1.jsonl"]
    home.ingest()
    assert home.rows("agents", "id") == [("1",), ("2",)]
    assert sorted(downloads) == [f"from/platform/demo/agents/{name}.jsonl" for name in "122"]


def test_an_unreadable_object_is_named_and_others_are_loaded(bucket, home, monkeypatch):
    for name in "12":
        put(bucket, f"demo/agents/{name}.jsonl", agents(name))
    get_file = S3FileSystem._get_file

    async def forbidding(self, source, target, **named):
        if source.endswith("/1.jsonl"):
            raise PermissionError("Access Denied")
        await get_file(self, source, target, **named)

    monkeypatch.setattr(S3FileSystem, "_get_file", forbidding)

    assert home.ingest().skipped == [
        "demo/agents/1.jsonl: it cannot be copied (Access Denied); let this user read it"
    ]
    assert home.rows("agents", "id") == [("2",)]


UNSAFE_NAMES = ["../../escaped.jsonl", "demo/agents/../../../escaped.jsonl", "demo/agents/..\\escaped.jsonl",
        "demo//agents/escaped.jsonl", "/escaped.jsonl", "demo/agents/1.jsonl?versionId=7",
        "demo/agents/./escaped.jsonl", "demo/agents/" + "x" * 256 + ".jsonl"]  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_no_object_name_escapes_the_folder(bucket, home, tmp_path, name):
    put(bucket, name, agents("evil"))
    put(bucket, "demo/agents/1.jsonl", agents("1"))

    rejected = home.ingest().skipped

    assert rejected == [f"{name!r}: not a valid file name; rename the object"]
    assert home.rows("agents", "id") == [("1",)]
    assert not list(tmp_path.rglob("*escaped*"))
    assert not has_changes(home.settings)


def test_copies_of_removed_objects_are_removed_and_a_full_refresh_needs_force(bucket, home, capfd):
    put(bucket, "demo/agents/1.jsonl", agents("1"))
    put(bucket, "demo/agents/2.jsonl", agents("2"))
    put(bucket, "demo/agents/3.jsonl", agents("3"))
    home.ingest()
    bucket.Object("from/platform/demo/agents/1.jsonl").delete()
    bucket.Object("from/platform/demo/agents/2.jsonl").delete()
    put(bucket, "demo/agents/renamed.jsonl", agents("2"))

    assert gone_from_landing(home.settings) == ["demo/agents/1.jsonl"]
    assert full_refresh(home.settings) == 1
    assert "demo/agents/1.jsonl" in capfd.readouterr().err
    home.ingest()

    copies = home.settings.landing_path / "demo" / "agents"
    assert sorted(path.name for path in copies.iterdir()) == ["3.jsonl", "renamed.jsonl"]
    assert home.rows("agents", "id") == [("1",), ("2",), ("3",)]


def test_files_of_the_user_in_the_home_are_not_changed(bucket, home):
    user_file = home.settings.home / "landing" / "demo" / "agents" / "1.jsonl"
    user_file.parent.mkdir(parents=True)
    user_file.write_bytes(agents("user_file"))
    put(bucket, "demo/agents/1.jsonl", agents("1"))

    home.ingest()

    assert user_file.read_bytes() == agents("user_file")
    assert home.rows("agents", "id") == [("1",)]


@pytest.mark.parametrize(
    ("url", "environment", "reason"),
    [
        ("s3://no-such-bucket/x", {}, "The specified bucket does not exist"),
        (URL, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
        (URL, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ("pigeon://exports", {}, "Protocol not known: pigeon"),
    ],
)
def test_an_unreachable_store_is_an_error_without_a_stack_trace(
    bucket, tmp_path, monkeypatch, capfd, url, environment, reason
):
    for name, value in ({"AWS_MAX_ATTEMPTS": "1"} | environment).items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    settings = Settings(home=tmp_path / "home", dagster=tmp_path / "dagster", landing=url)

    assert run(settings) == 2

    error = capfd.readouterr().err
    assert f"CONVERSATIONS_LANDING={url}: it cannot be" in error
    assert reason in error
    assert "credentials" in error
    assert "Traceback" not in error
    assert "the-secret" not in error
    assert not settings.landing_path.exists(), "the sample must not replace an unreachable store"


def test_invalid_credentials_are_reported(bucket, home, server):
    """A switch of the server enables its authentication."""
    requests.post(f"{server}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        with pytest.raises(SettingsError) as failure:
            has_changes(home.settings)
    finally:
        requests.post(f"{server}/moto-api/reset-auth", data=b"inf", timeout=10)

    message = str(failure.value)
    assert message.startswith(f"CONVERSATIONS_LANDING={URL}: it cannot be listed (")
    assert "Access Key Id" in message
    assert "check the address, the network and the credentials (for S3: the variables AWS_…)" in message
    assert "a-key" not in message


def test_a_missing_library_is_reported_with_the_command_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONVERSATIONS_LANDING", URL)
    code = "import sys; sys.modules['s3fs'] = None; from orchestration.__main__ import main; main(['run'])"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)

    assert "pip install -r requirements-s3.txt" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_with_an_unreachable_store_the_sensor_skips_and_the_daily_run_fails(bucket, tmp_path):
    settings = Settings(home=tmp_path, landing="s3://no-such-bucket/x")
    with dg.build_schedule_context() as context:
        assert len(daily_schedule(settings).evaluate_tick(context).run_requests) == 1
    with dg.DagsterInstance.ephemeral() as instance:
        tick = new_exports_sensor(settings).evaluate_tick(dg.build_sensor_context(instance))
    assert "s3://no-such-bucket/x: it cannot be listed" in tick.skip_message


@pytest.mark.parametrize(
    "url", ["s3://user:hunter2@bucket/x", "s3://AKIA:hun/ter2@bucket", "s3://b/x?key=hunter2"]
)
def test_a_url_with_a_secret_is_rejected_and_not_shown(monkeypatch, capfd, url):
    monkeypatch.setenv("CONVERSATIONS_LANDING", url)

    assert main(["run"]) == 2

    error = capfd.readouterr().err
    assert "CONVERSATIONS_LANDING: the URL must not contain a password, key or query" in error
    assert "hunter2" not in error
    assert "ter2" not in error


def test_a_landing_is_a_folder_or_a_url(monkeypatch, tmp_path):
    for landing, path, url in [
        (str(tmp_path / "x"), tmp_path / "x", None),
        (f"{URL}/", tmp_path / "home" / "landing-copy", URL),
        ("", tmp_path / "home" / "landing", None),
    ]:
        monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("CONVERSATIONS_LANDING", landing)
        settings = load_settings()
        assert (settings.landing_path, settings.landing_url) == (path, url)
    assert os.environ["CONVERSATIONS_LANDING"] == ""
