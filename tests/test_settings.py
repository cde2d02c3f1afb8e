"""Settings from the environment and from .env, and invalid settings."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from orchestration import environment
from orchestration import settings as settings_module
from orchestration.environment import shell_lines
from orchestration.settings import PREFIX, PROJECT, Settings, SettingsError, load_settings


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (settings_module, environment):
        monkeypatch.setattr(module, "DOTENV", tmp_path / ".env")
    return tmp_path / ".env"


def test_values_of_dotenv_are_literal_and_the_environment_has_priority(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text(
        "# a comment\nCONVERSATIONS_HASH_KEY='with # a sign and $HOME in it'\n"
        "CONVERSATIONS_KEEP_RELEASES=7\nCONVERSATIONS_THREADS=3 # a comment\nAWS_ACCESS_KEY_ID='as it is'\n"
        "'x;touch y'=1\n"
    )
    monkeypatch.setenv("CONVERSATIONS_KEEP_RELEASES", "9")
    settings = load_settings()
    assert settings.hash_key.get_secret_value() == "with # a sign and $HOME in it"
    assert (settings.keep_releases, settings.threads) == (9, 3)
    assert "export AWS_ACCESS_KEY_ID='as it is'" in shell_lines().splitlines()
    assert "touch" not in shell_lines()


def test_a_dotenv_that_is_not_utf8_is_named(env_file: Path) -> None:
    env_file.write_bytes(b"CONVERSATIONS_HOME=/srv/\xe8\n")
    with pytest.raises(SettingsError, match=r"\.env cannot be read .* save it as UTF-8"):
        load_settings()


@pytest.mark.parametrize("source", ["environment", "dotenv"])
def test_an_unknown_setting_is_an_error_with_the_nearest_name(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    if source == "environment":
        monkeypatch.setenv("CONVERSATIONS_KEEP_RELEASE", "3")
    else:
        env_file.write_text("CONVERSATIONS_KEEP_RELEASE=3\n")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value) == (
        "CONVERSATIONS_KEEP_RELEASE: there is no such setting; did you mean CONVERSATIONS_KEEP_RELEASES?"
    )


def test_an_empty_variable_means_the_default(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty home, make and Dagster must use neither the repository nor the root folder."""
    for name in ("HOME", "DAGSTER", "LANDING", "THREADS"):
        monkeypatch.setenv(f"CONVERSATIONS_{name}", "")
    settings = load_settings()
    assert settings.home == PROJECT / "data"
    assert settings.dagster_path == PROJECT / "data" / "dagster"
    assert all(path.parent.is_relative_to(PROJECT / "data") for path in settings.derived_paths)
    assert f"export CONVERSATIONS_HOME={shlex.quote(str(PROJECT / 'data'))}" in shell_lines().splitlines()
    assert f"export DAGSTER_HOME={shlex.quote(str(PROJECT))}" in shell_lines().splitlines()


OUT_OF_RANGE = [
    ("KEEP_RAW_DAYS", "99999999999"),
    ("KEEP_REJECTED_DAYS", "99999999999"),
    ("MEMORY_LIMIT", "0GB"),
    ("MEMORY_LIMIT", "1MB"),
    ("MEMORY_LIMIT", "999999999TB"),
    ("THREADS", "100000"),
    ("SETTLE_SECONDS", "inf"),
    ("SETTLE_SECONDS", "1e12"),
    ("MAX_UNPACKED_GB", "inf"),
    ("MAX_UNPACKED_GB", "nan"),
    ("STALE_ERROR_AFTER_HOURS", "1e300"),
    ("SCHEDULE", "0 0 5 * * *"),
    ("FETCH_SCHEDULE", "0 0 31 2 *"),
    ("HOME", "/srv/" + "x" * 300),
    ("LANDING", "/srv/" + "x" * 300),
    ("DAGSTER", "/srv/" + "x/" * 3000),
    ("PROJECT", "~no-such-user/project"),
    ("HOME", "/srv/\udcff"),
    ("KEEP_RELEASES", "1000000000000"),
    ("TIME_ZONE", "localtime"),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_rejected_by_name(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CONVERSATIONS_{name}", value)
    with pytest.raises(SettingsError, match=f"CONVERSATIONS_{name}="):
        load_settings()


@pytest.mark.parametrize("name", ["HOME", "DAGSTER", "LANDING"])
def test_a_folder_below_a_file_is_rejected_by_name(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(f"CONVERSATIONS_{name}", str(tmp_path / "file" / "home"))
    with pytest.raises(SettingsError, match=f"CONVERSATIONS_{name}=.*{tmp_path / 'file'} is a file"):
        load_settings()


def test_a_landing_inside_a_derived_folder_is_rejected(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    monkeypatch.setenv("CONVERSATIONS_LANDING", str(tmp_path / "raw" / "exports"))
    with pytest.raises(SettingsError, match="CONVERSATIONS_LANDING must not be in"):
        load_settings()


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run make in the repository without an installation."""
    return subprocess.run(
        ["make", "--assume-old=.venv/installed", "--assume-old=requirements.txt", *arguments],
        cwd=PROJECT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


def test_make_clean_removes_the_derived_files_of_the_set_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.ensure_hash_key()
    for path in settings.derived_paths:
        path.mkdir(parents=True, exist_ok=True)
        (path / "file").touch()
    settings.landing_path.mkdir()

    rejected = make("clean", CONVERSATIONS_HOME=str(tmp_path), CONVERSATIONS_THREADS="many")
    assert rejected.returncode
    assert "CONVERSATIONS_THREADS='many'" in rejected.stderr
    assert all(path.exists() for path in settings.derived_paths)

    assert make("clean", CONVERSATIONS_HOME=str(tmp_path)).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hash_key", "landing", "run.lock"]


def test_the_documentation_and_the_example_list_all_settings() -> None:
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    page = (PROJECT / "docs" / "settings.md").read_text()
    example = (PROJECT / ".env.example").read_text()
    assert names == {line.split("`")[1] for line in page.splitlines() if line.startswith("| `CONVERSATIONS_")}
    assert names == {
        line[2:].split("=")[0] for line in example.splitlines() if line.startswith("# CONVERSATIONS_")
    }


def test_the_documentation_has_the_defaults() -> None:
    page = (PROJECT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, str | int | float) and name != "threads":  # all cores
            written = f"{default}".lower() if isinstance(default, bool) else f"{default}"
            assert f"| `{PREFIX}{name.upper()}` | `{written}` |" in page, name
