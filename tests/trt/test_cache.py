"""A doubtful entry is a miss with its reason told: never a crash, and never loaded."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from trt.cache import FOLDER_VARIABLE, EngineCache, Hit, Miss, default_folder
from trt.errors import CacheError
from trt.key import WORDS, EngineKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name != "posix", reason="owners and permissions of POSIX")
ENGINE = bytes(range(256)) * 8


def key(**changes: object) -> EngineKey:
    values = {field.name: 1 if field.type == "int" else f"some {field.name}" for field in fields(EngineKey)}
    return EngineKey.from_json({**values, **changes})


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def files(cache: EngineCache, wanted: EngineKey) -> tuple[Path, Path]:
    return cache.folder / f"{wanted.digest}.engine", cache.folder / f"{wanted.digest}.json"


def missed(cache: EngineCache, wanted: EngineKey) -> str:
    found = cache.lookup(wanted)
    assert isinstance(found, Miss)
    assert "\n" not in found.reason
    return found.reason


def test_what_was_stored_is_found(cache: EngineCache) -> None:
    assert missed(cache, key()) == "no engine was built yet"
    stored = cache.store(key(), ENGINE, 12.5)
    found = EngineCache(cache.folder).lookup(key())
    assert isinstance(found, Hit)
    assert found.engine == ENGINE
    assert found.entry == stored
    assert (stored.key, stored.size, stored.seconds, stored.parity, stored.refused) == (
        key(),
        len(ENGINE),
        12.5,
        "",
        "",
    )


@pytest.mark.parametrize("name", [field.name for field in fields(EngineKey)])
def test_one_changed_field_is_a_miss_with_its_reason(cache: EngineCache, name: str) -> None:
    cache.store(key(), ENGINE, 1.0)
    other = key(**{name: 2 if isinstance(getattr(key(), name), int) else "another"})
    assert missed(cache, other).startswith(f"{WORDS[name]} was ")
    assert isinstance(cache.lookup(key()), Hit)


def test_the_reason_is_told_against_the_closest_entry(cache: EngineCache) -> None:
    cache.store(key(network="far", torch="far", driver="far"), ENGINE, 1.0)
    cache.store(key(), ENGINE, 1.0)
    assert missed(cache, key(batch=3)) == "the batch was 1 and is 3"


def truncate(engine: Path, _description: Path) -> None:
    engine.write_bytes(engine.read_bytes()[:-1])


def damage(engine: Path, _description: Path) -> None:
    content = bytearray(engine.read_bytes())
    content[100] ^= 1
    engine.write_bytes(content)


def lose_the_engine(engine: Path, _description: Path) -> None:
    engine.unlink()


def empty_the_description(_engine: Path, description: Path) -> None:
    description.write_bytes(b"")


def cut_the_description(_engine: Path, description: Path) -> None:
    description.write_bytes(description.read_bytes()[:100])


def fill_with_noise(_engine: Path, description: Path) -> None:
    description.write_bytes(b"\xff\x00\xfe")


def make_a_list(_engine: Path, description: Path) -> None:
    description.write_text("[1]")


def drop_a_field(_engine: Path, description: Path) -> None:
    values = json.loads(description.read_text())
    del values["key"]["driver"]
    description.write_text(json.dumps(values))


def change_a_type(_engine: Path, description: Path) -> None:
    description.write_text(json.dumps({**json.loads(description.read_text()), "size": "big"}))


def make_it_older(_engine: Path, description: Path) -> None:
    description.write_text(json.dumps({**json.loads(description.read_text()), "format": "deblur-stream engine 0"}))


def describe_another_engine(_engine: Path, description: Path) -> None:
    values = json.loads(description.read_text())
    values["key"]["driver"] = "another"
    description.write_text(json.dumps(values))


def make_it_a_link(engine: Path, _description: Path) -> None:
    engine.replace(engine.with_suffix(".elsewhere"))
    engine.symlink_to(engine.with_suffix(".elsewhere"))


def open_it_to_others(engine: Path, _description: Path) -> None:
    engine.chmod(0o666)


def make_it_a_folder(engine: Path, _description: Path) -> None:
    engine.unlink()
    engine.mkdir()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (truncate, "truncated: 2047 of 2048 bytes"),
        (damage, "checksum"),
        (lose_the_engine, "can't be read"),
        (empty_the_description, "damaged"),
        (cut_the_description, "damaged"),
        (fill_with_noise, "damaged"),
        (make_a_list, "damaged"),
        (drop_a_field, "fields differ: driver"),
        (change_a_type, "damaged"),
        (make_it_older, "another version"),
        (describe_another_engine, "named for another"),
        pytest.param(make_it_a_link, "can't be read", marks=POSIX),
        pytest.param(open_it_to_others, "other users may write", marks=POSIX),
        pytest.param(make_it_a_folder, "can't be read", marks=POSIX),
    ],
)
def test_a_doubtful_entry_is_a_miss(cache: EngineCache, harm: Callable[[Path, Path], None], told: str) -> None:
    cache.store(key(), ENGINE, 1.0)
    harm(*files(cache, key()))
    assert told in missed(cache, key())
    assert len(cache.entries()) == 1, "it is still listed"
    if harm is not make_it_a_folder:
        cache.store(key(), ENGINE, 1.0)
        assert isinstance(cache.lookup(key()), Hit), "a new build takes its place"


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_a_miss(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 1.0)
    os.chown(files(cache, key())[0], 12345, 12345)
    assert "no file of this user" in missed(cache, key())


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root gives folders away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(CacheError, match=f"another user.*{FOLDER_VARIABLE}"):
        EngineCache(tmp_path)


@POSIX
def test_the_folder_and_its_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "engines"
    cache = EngineCache(folder)
    with cache.lock(key()):
        cache.store(key(), ENGINE, 1.0)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()} == {0}


@POSIX
def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "engines").mkdir(mode=0o777)
    (tmp_path / "engines").chmod(0o777)
    EngineCache(tmp_path / "engines")
    assert stat.S_IMODE((tmp_path / "engines").stat().st_mode) == 0o700


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("")
    with pytest.raises(CacheError, match=FOLDER_VARIABLE):
        EngineCache(tmp_path / "engines")


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=3 * 4000)
    wanted = [key(batch=number) for number in range(1, 5)]
    for age, each in enumerate(wanted[:3]):
        cache.store(each, bytes(3000), 1.0)
        for path in files(cache, each):
            os.utime(path, (1000 + age, 1000 + age))
    assert isinstance(cache.lookup(wanted[0]), Hit)  # the oldest is used, so the second is now the least recently used
    cache.store(wanted[3], bytes(3000), 1.0)
    assert [isinstance(cache.lookup(each), Hit) for each in wanted] == [True, False, True, True]


def test_kernels_go_with_their_engine_and_count_as_its_size(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=2 * 4000)
    cache.store(key(batch=1), bytes(3000), 1.0)
    cache.kernels(key(batch=1).digest).write_bytes(bytes(4000))
    assert cache.entries()[0].size > 7000
    cache.store(key(batch=2), bytes(3000), 1.0)
    assert [found.digest for found in cache.entries()] == [key(batch=2).digest]
    assert not cache.kernels(key(batch=1).digest).exists()


def test_kernels_of_the_engine_before_are_not_taken_for_a_new_one(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 1.0)
    cache.kernels(key().digest).write_bytes(b"kernels")
    cache.store(key(), ENGINE, 1.0)
    assert not cache.kernels(key().digest).exists()


def test_what_was_just_built_is_kept_however_small_the_limit(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=10)
    cache.store(key(batch=1), ENGINE, 1.0)
    cache.store(key(batch=2), ENGINE, 1.0)
    assert [found.digest for found in cache.entries()] == [key(batch=2).digest]


def test_nothing_half_written_is_left_or_taken(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 1.0)
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".engine", ".json"]
    files(cache, key())[1].unlink()  # as if power had failed between the two
    assert isinstance(cache.lookup(key()), Miss)
    (found,) = cache.entries()
    assert (found.entry, found.problem) == (None, "an engine that was not finished")


def test_a_full_disk_is_one_clear_error(cache: EngineCache) -> None:
    engine, _ = files(cache, key())
    engine.mkdir()  # nothing can be put in the place of a folder
    (engine / "file").write_text("")
    with pytest.raises(CacheError, match=FOLDER_VARIABLE):
        cache.store(key(), ENGINE, 1.0)
    assert not list(cache.folder.glob("*.partial"))


def test_the_outcome_of_the_comparison_is_kept(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 1.0)
    cache.judge(key(), parity="72 dB")
    found = cache.lookup(key())
    assert isinstance(found, Hit)
    assert (found.entry.parity, found.entry.refused) == ("72 dB", "")
    cache.judge(key(), parity="", refused="NaN")
    found = cache.lookup(key())
    assert isinstance(found, Hit)
    assert found.entry.refused == "NaN"
    cache.judge(key(batch=9), parity="nothing happens")
    assert len(cache.entries()) == 1


def test_the_build_time_is_that_of_the_closest_size(cache: EngineCache) -> None:
    assert cache.expected_seconds(key()) is None
    cache.store(key(width=100, height=100), ENGINE, 5.0)
    cache.store(key(width=1000, height=1000), ENGINE, 50.0)
    assert cache.expected_seconds(key(width=900, height=900)) == 50.0
    assert cache.expected_seconds(key(width=90, height=90)) == 5.0
    assert cache.expected_seconds(key(gpu_name="another")) is None


def test_clear_leaves_nothing(cache: EngineCache) -> None:
    cache.store(key(batch=1), ENGINE, 1.0)
    cache.store(key(batch=2), ENGINE, 1.0)
    fill_with_noise(*files(cache, key(batch=2)))
    (cache.folder / "left.partial").write_text("by an interrupted process")
    count, freed = cache.clear()
    assert count == 2
    assert freed > 2 * len(ENGINE)
    assert list(cache.folder.iterdir()) == []


def test_clear_leaves_what_can_not_be_removed(cache: EngineCache) -> None:
    """As Windows does with what another process is writing; a folder can't be unlinked anywhere."""
    (cache.folder / "engine.partial").mkdir()
    cache.store(key(), b"engine", 1.0)
    assert cache.clear()[0] == 1


def test_the_folder_follows_the_platform_or_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert default_folder().name == "engines"
    assert default_folder().parent.name == "deblur-stream"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert EngineCache().folder == tmp_path / "mine"
