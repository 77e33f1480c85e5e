"""A person's own defaults of options."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click
import pytest

from pipeline.cli.config import CONFIG_VARIABLE, config_file, own_defaults
from pipeline.errors import UsageError
from tests.support.commands import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("video", "live")


@click.command()
@click.option("--crf", type=float)
@click.option("--skip-sharp", "gate")
@click.option("--text/--no-text")
@click.argument("name")
def command(**_options: object) -> None:
    """Does nothing."""


def defaults(path: Path, text: str) -> dict[str, object]:
    path.write_text(text, encoding="utf-8")
    return own_defaults(path, "video", command, COMMANDS)


def test_options_are_found_by_their_long_names(tmp_path: Path) -> None:
    found = defaults(tmp_path / "a.toml", '[video]\ncrf = 20\nskip-sharp = "auto"\ntext = false\n[live]\nport = 1\n')
    assert found == {"crf": "20", "gate": "auto", "text": False}
    assert defaults(tmp_path / "a.toml", "[live]\n") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[video]\ncrff = 20\n", "no option --crff"),
        ('[video]\nname = "x"\n', "no option --name"),
        ("[vidio]\n", "'vidio', which is no command"),
        ("crf = 20\n", "'crf', which is no command"),
        ("[video\n", "can't be read"),
    ],
)
def test_what_is_not_there_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        defaults(tmp_path / "a.toml", text)


def test_the_file_is_where_the_system_keeps_such_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if os.name != "posix":
        pytest.skip("other systems have other places")
    assert config_file() is None
    (tmp_path / "deblur").mkdir()
    (tmp_path / "deblur" / "config.toml").touch()
    assert config_file() == tmp_path / "deblur" / "config.toml"
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    assert config_file() is None
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(UsageError, match="which DEBLUR_CONFIG names"):
        config_file()


def test_a_command_takes_them_and_what_is_typed_wins(clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[video]\nnetwork = "identity"\nquiet = true\nduration = "0.2"\n', encoding="utf-8")
    deblur = CommandLine()
    deblur.environment = {**CommandLine.environment, CONFIG_VARIABLE: str(config)}  # type: ignore[misc]
    for number, (options, frames) in enumerate([((), 5), (("--duration", "0.4"), 10)]):
        report = tmp_path / f"{number}.json"
        done = deblur.run("video", clip, tmp_path / f"{number}.mp4", "--report", report, *options)
        assert (done.code, done.err) == (0, "")
        assert json.loads(report.read_text(encoding="utf-8"))["frames"]["out"] == frames
    done = deblur.run("--no-config", "video", clip, tmp_path / "2.mp4", "--network", "identity", "--duration", "0.1")
    assert done.code == 0
    assert "frames" in done.err


def test_a_fault_in_the_file_is_one_line(clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[video]\ncrf = "high"\n', encoding="utf-8")
    deblur = CommandLine()
    deblur.environment = {**CommandLine.environment, CONFIG_VARIABLE: str(config)}  # type: ignore[misc]
    done = deblur.run("video", clip, tmp_path / "out.mp4")
    assert done.code == 2
    assert "'high'" in done.error
