"""Files are whole under their name, whatever fails while they are written."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from network import files
from network.files import as_json, discard_partials, replace_atomically, write_bytes, write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and devices of POSIX systems")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    return path


def full_disk(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def assert_old_alone(path: Path) -> None:
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_the_new_content_appears_at_the_end_of_the_block(path: Path) -> None:
    with replace_atomically(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_text_is_utf_8_with_its_own_line_breaks(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "ä\nb\r\n\udc80")
    assert (tmp_path / "text").read_bytes() == "ä\nb\r\n\\udc80".encode()


def test_an_error_of_the_writer_leaves_the_old_file(path: Path) -> None:
    def fail() -> None:
        with replace_atomically(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert_old_alone(path)


def test_an_interruption_leaves_the_old_file(path: Path) -> None:
    def interrupt() -> None:
        with replace_atomically(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert_old_alone(path)


def test_a_disk_that_refuses_the_content_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_bytes(path, b"new")
    assert_old_alone(path)


def test_a_name_that_can_not_be_replaced_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where another program has the file open."""

    def denied(*_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "used by another process")

    monkeypatch.setattr(type(path), "replace", denied)
    with pytest.raises(PermissionError, match="another process"):
        write_bytes(path, b"new")
    assert_old_alone(path)


def test_file_and_folder_are_put_on_the_disk_in_this_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, replace = files.sync, type(path).replace

    def noted_sync(what: Path) -> None:
        order.append("folder" if what.is_dir() else "file")
        sync(what)

    def noted_replace(one: Path, other: Path) -> Path:
        order.append("rename")
        return replace(one, other)

    monkeypatch.setattr(files, "sync", noted_sync)
    monkeypatch.setattr(type(path), "replace", noted_replace)
    write_bytes(path, b"new")
    assert order == ["file", "rename", "folder"]


def test_a_folder_is_not_opened_where_the_system_can_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    opened: list[object] = []
    real = os.open

    def noted(name: str | Path, *arguments: int) -> int:
        opened.append(name)
        return real(name, *arguments)

    monkeypatch.setattr(os, "open", noted)
    write_bytes(path, b"new")
    assert opened
    assert path.parent not in opened


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "nowhere" / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_full_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_bytes(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_permissions_of_the_replaced_file_are_kept(path: Path) -> None:
    path.chmod(0o640)
    write_bytes(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_bytes(path, b"secret", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_link_stays_a_link(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    write_bytes(link, b"secret", private=True)  # what a link leads to may be another user's
    assert not link.is_symlink()
    assert path.read_bytes() == b"new"


@posix
def test_a_device_is_written_directly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    link = tmp_path / "pipe"
    link.symlink_to(f"/dev/fd/{writer}")
    write_bytes(link, b"new")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"new"


def test_leftovers_of_killed_processes_can_be_removed(path: Path) -> None:
    path.with_name(".report.json.0011aabb.partial").write_bytes(b"half")
    path.with_name("folder.partial").mkdir()
    discard_partials(path.parent)
    assert {left.name for left in path.parent.iterdir()} == {"report.json", "folder.partial"}


def test_json_knows_no_numbers_that_are_none() -> None:
    value = {"a": math.nan, "b": (math.inf, 1.5, {"c": -math.inf}), "d": [2, "x", None]}
    assert json.loads(as_json(value)) == {"a": None, "b": [None, 1.5, {"c": None}], "d": [2, "x", None]}


def test_a_value_that_json_can_not_hold_leaves_the_old_file(path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(path, {"path": path})
    assert_old_alone(path)
    write_json(path, {"a": 1})
    assert path.read_text(encoding="utf-8") == '{\n  "a": 1\n}\n'
