"""Installation: supported Python versions, and how pinned requirements are compiled and installed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from orchestration.settings import PROJECT

sys.path.insert(0, str(PROJECT / "deploy"))
import install

REQUIREMENTS = sorted(PROJECT.glob("requirements*.txt"))
PROJECT_FILE = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> set[str]:
    """Return the packages that a requirements file pins, including those of the files it references."""
    text = (PROJECT / name).read_text()
    included = [pins(file) for file in re.findall(r"^-r (\S+)", text, re.MULTILINE)]
    return {normalize(pin) for pin in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE)}.union(
        *included
    )


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def test_uv_uses_the_settings_of_pip_and_the_environment_has_priority():
    config = [
        "global.index-url='https://mirror.example/simple'",
        "install.index-url='https://other.example/simple'",
        "global.extra-index-url='\\nfile:///a/simple\\nfile:///b/simple'",
        "global.find-links='/wheels /more'",
        "global.timeout='60'",
        ":env:.cert='/etc/ca.crt'",
        "global.cert='/etc/old.crt'",
    ]
    assert install.uv_settings(config) == {
        "UV_DEFAULT_INDEX": "https://other.example/simple",
        "UV_INDEX": "file:///a/simple file:///b/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/etc/ca.crt",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert install.uv_settings([]) == {}


@pytest.mark.parametrize(
    ("broken", "used"), [("", ["uv", "uv"]), ("uv", ["uv", "pip", "pip"]), ("pip config", ["uv", "uv"])]
)
def test_pip_is_used_if_uv_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, used: list):
    """A fake Python program records its calls: `-m uv pip install …` or `-m pip install …`."""
    calls = tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\ncase "$*" in "-m {broken or "none"} "*) exit 1;; esac\nexit 0\n'
    )
    python.chmod(0o700)
    monkeypatch.setattr(install, "PIP", [str(python), "-m", "pip"])
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(install, "set_dagster_home", lambda: None)
    install.uv_environment.cache_clear()

    assert install.install(["requirements.txt"]) == 0

    installed = [
        call for call in calls.read_text().splitlines() if "--requirement requirements-uv" not in call
    ]
    assert [call.split()[1] for call in installed if " install " in call] == used
    assert "--requirement requirements.txt" in installed[1]
    assert "--editable ." in installed[-1]


def test_every_pin_has_hashes_and_no_file_names_an_index():
    for path in REQUIREMENTS:
        text = path.read_text()
        assert not re.search(r"https?://|file://|--index|--find-links", text), path
        blocks = re.split(r"^(?=\w.*==)", text, flags=re.MULTILINE)[1:]
        assert blocks
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_every_dependency_of_pyproject_is_pinned():
    extras = PROJECT_FILE["optional-dependencies"]
    wanted = {"requirements.txt": PROJECT_FILE["dependencies"]} | {
        f"requirements-{extra}.txt": names for extra, names in extras.items()
    }
    for file, names in wanted.items():
        assert {normalize(name) for name in names} - pins(file) == set(), file


def test_all_files_support_the_same_python_versions():
    lowest, end = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT_FILE["requires-python"]).groups())
    versions = [f"3.{minor}" for minor in range(lowest, end)]
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == versions
    assert f"--python-version 3.{lowest}" in (PROJECT / "deploy/compile.sh").read_text()
    for version, is_supported in [
        (f"3.{lowest - 1}", False),
        *((v, True) for v in versions),
        (f"3.{end}", False),
    ]:
        ended = check_python(tuple(map(int, version.split("."))))
        assert (ended.returncode == 0) == is_supported, version
        if not is_supported:
            assert f"Python 3.11, 3.12 or 3.13 is needed, and python is {version}.0" in ended.stderr


def check_python(version: tuple[int, int]) -> subprocess.CompletedProcess:
    """Run the Python check of the Makefile with another version number."""
    code = re.search(r"\$\(PYTHON\) -c '(.*)'", (PROJECT / "Makefile").read_text())[1].replace(
        "$(PYTHON)", "python"
    )
    pretend = f"import sys; sys.version_info = {version}; sys.version = '{version[0]}.{version[1]}.0 (…)'; "
    return subprocess.run([sys.executable, "-c", pretend + code], capture_output=True, text=True)


def test_the_workflow_and_the_hooks_call_existing_make_targets():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    called = re.findall(
        r"^make ([a-z-]+)$", "\n".join([*runs, *(hook["entry"] for hook in hooks)]), re.MULTILINE
    )
    assert sorted(called) == ["lint", "parse", "test", "test-slow"]
    assert set(called) <= targets
