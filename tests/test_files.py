"""Files are replaced atomically, copied with or without shared blocks, and linked."""

import pytest

from orchestration.common import files
from orchestration.common.files import copy, link, replace


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def cannot_clone(source, target):
    target.write_bytes(b"begun")
    raise OSError(95, "Operation not supported")


def test_a_copy_replaces_the_target_and_is_independent_of_the_source(tmp_path, source):
    target = tmp_path / "target"
    target.write_bytes(b"before")
    copy(source, target)
    content = source.read_bytes()
    assert target.read_bytes() == content
    target.write_bytes(b"changed")
    assert source.read_bytes() == content
    assert names(tmp_path) == ["source", "target"]


def test_a_copy_copies_the_bytes_if_blocks_cannot_be_shared(tmp_path, source, monkeypatch):
    monkeypatch.setattr(files, "_clone", cannot_clone)
    copy(source, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_failed_copy_keeps_the_target(tmp_path, source, monkeypatch):
    monkeypatch.setattr(files, "_clone", cannot_clone)
    target = tmp_path / "target"
    target.write_bytes(b"before")
    with pytest.raises(FileNotFoundError):
        copy(tmp_path / "missing", target)
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["source", "target"]


def test_a_link_is_a_hard_link_or_else_a_copy(tmp_path, source, monkeypatch):
    link(source, tmp_path / "linked")
    assert (tmp_path / "linked").stat().st_ino == source.stat().st_ino

    def no_links(self, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(type(source), "hardlink_to", no_links)
    link(source, tmp_path / "copied")
    assert (tmp_path / "copied").stat().st_ino != source.stat().st_ino
    assert (tmp_path / "copied").read_bytes() == source.read_bytes()


def test_a_link_does_not_replace_a_file(tmp_path, source):
    other = tmp_path / "other"
    other.write_bytes(b"before")
    with pytest.raises(FileExistsError):
        link(source, other)
    assert other.read_bytes() == b"before"


def test_a_replacement_moves_the_source_to_the_target(tmp_path, source):
    target = tmp_path / "target"
    target.write_bytes(b"before")
    content = source.read_bytes()
    replace(source, target)
    assert (names(tmp_path), target.read_bytes()) == (["target"], content)
