"""The file that an output is until it is complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.encode.output_file import OutputTarget, work_folder
from pipeline.encode.partial import PartialFile, partial_name
from pipeline.errors import OutputError, UsageError
from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(60)

WRITES = """
import sys, time
from pathlib import Path
from pipeline.encode.partial import PartialFile
partial = PartialFile(Path(sys.argv[1]), "out.mp4")
partial.path.write_bytes(b"half")
print("ready", flush=True)
time.sleep(60)
"""


def test_one_process_at_a_time_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    path = tmp_path / partial_name(tmp_path / "out.mp4")
    command = [sys.executable, "-c", WRITES, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=CommandLine.environment) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(UsageError, match=r"another process is writing out\.mp4; wait for it"):
            PartialFile(path, "out.mp4")
        assert path.read_bytes() == b"half"
        process.kill()
    assert path.read_bytes() == b"half"
    partial = PartialFile(path, "out.mp4")
    assert path.read_bytes() == b""
    partial.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_got_its_name_is_free_and_stays(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    for content in (b"first", b"second"):
        partial = PartialFile(tmp_path / partial_name(output), "out.mp4")
        partial.path.write_bytes(content)
        partial.commit(output)
        assert output.read_bytes() == content
    assert list(tmp_path.iterdir()) == [output]


def test_one_piece_and_segments_keep_out_of_each_other_s_way(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    work = work_folder(output)
    work.mkdir()
    for first, second in ((None, work), (work, None)):
        running = OutputTarget(output, None, overwrite=False, folder=first)
        with pytest.raises(UsageError, match="another process is writing"):
            OutputTarget(output, None, overwrite=False, folder=second)
        running.discard()
        left = (first or tmp_path) / partial_name(output)
        left.write_bytes(b"of a killed run")
        OutputTarget(output, None, overwrite=False, folder=second).discard()
        assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other links")
def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / partial_name(tmp_path / "out.mp4")
    precious.write_bytes(b"precious")
    path.symlink_to(precious)
    with pytest.raises(OutputError, match="can't be written"):
        PartialFile(path, "out.mp4")
    assert precious.read_bytes() == b"precious"
    path.unlink()


@pytest.mark.parametrize(
    "name", ["m" * 251 + ".mp4", "ü" * 125 + ".mp4", "x." + "s" * 253, " a .mp4 ", "a.mp4\n", "\udce9" * 251 + ".mp4"]
)
def test_its_name_is_one_that_the_system_takes(name: str) -> None:
    made = partial_name(Path(name))
    assert len(os.fsencode(made)) < 140
    assert Path(made).suffix == (".mp4" if ".mp4" in name else ".partial")


def test_outputs_of_two_names_have_two(tmp_path: Path) -> None:
    names = ["a.mp4", "a.mp4 ", "a.mkv", "a", "m" * 240 + "1.mp4", "m" * 240 + "2.mp4"]
    assert len({partial_name(tmp_path / name) for name in names}) == len(names)
