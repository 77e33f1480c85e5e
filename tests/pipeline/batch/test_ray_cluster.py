"""A batch on a real Ray cluster of two nodes, one of which is killed; and clusters that can't be used."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]
HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'deblur-stream[cluster]'")
pytestmark = pytest.mark.timeout(300)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "RAY_USAGE_STATS_ENABLED": "0"}
OPTIONS = ("--threads", "1", "--preset", "ultrafast")


def start(*words: object, segment: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "pipeline.cli", "batch", *map(str, words), *OPTIONS, "--segment", str(segment)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=240)
    assert "Traceback" not in errors
    return process.returncode, errors


def wait_for_segments(process: subprocess.Popen[str], work: Path) -> None:
    """Returns when three segments are finished."""
    limit = time.monotonic() + 120
    while len(list(work.glob("*.made"))) < 3:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit, "no segment was made"
        time.sleep(0.02)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one core each on this machine, as processes of their own."""
    for name in ("PYTHONPATH", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    from ray.cluster_utils import Cluster

    how = {"num_cpus": 1, "object_store_memory": 100 << 20}
    nodes = Cluster(initialize_head=True, head_node_args={**how, "include_dashboard": False})
    try:
        nodes.second = nodes.add_node(**how)
        yield nodes
    finally:
        nodes.shutdown()


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own, in this process; the program's are errors in its own
def test_a_node_that_is_killed_costs_nothing_but_time(
    cluster: Any, make_clip: Callable[..., Path], tmp_path: Path, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", size=(320, 240), frames=400, options={"g": "25", "sc_threshold": "0"})
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:5000])
    assert end(start(clip, tmp_path / "here"))[0] == 0

    report = tmp_path / "batch.json"
    process = start(clip, broken, tmp_path / "there", "--ray", cluster.address, "--report", report)
    work = tmp_path / "there" / ".clip.mp4.deblur"
    wait_for_segments(process, work)
    cluster.remove_node(cluster.second, allow_graceful=False)
    finished = len(list(work.glob("*.made")))
    assert finished < 16, "all was done before the node was killed"
    code, errors = end(process)
    assert code == 8, errors
    assert "machines: 2, shares at a time: 2, cores of each: 1" in errors
    assert "1 of 2 inputs has no output" in errors
    alone, spread = read_file(tmp_path / "here" / "clip.mp4"), read_file(tmp_path / "there" / "clip.mp4")
    assert len(spread.frames) == 400
    assert spread.packets == alone.packets  # picture and sound, bit for bit
    assert not work.exists()
    [done, failed] = json.loads(report.read_text(encoding="utf-8"))["videos"]
    assert (done["state"], failed["state"]) == ("done", "failed")
    assert done["run"]["stages_s"]["infer"]["busy"] > 0

    code, errors = end(start(clip, tmp_path / "there", "--ray", cluster.address))
    assert code == 0, errors
    assert "1 finished before" in errors


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_ends_the_work_of_all_nodes_and_a_rerun_goes_on(
    cluster: Any, make_clip: Callable[..., Path], tmp_path: Path, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", size=(320, 240), frames=400, options={"g": "25", "sc_threshold": "0"})
    process = start(clip, tmp_path / "out", "--ray", cluster.address)
    work = tmp_path / "out" / ".clip.mp4.deblur"
    wait_for_segments(process, work)
    process.send_signal(signal.SIGINT)
    code, errors = end(process)
    assert code == 130, errors
    assert not (tmp_path / "out" / "clip.mp4").exists()
    report = tmp_path / "batch.json"
    code, errors = end(start(clip, tmp_path / "out", "--report", report))  # without the cluster
    assert code == 0, errors
    [video] = json.loads(report.read_text(encoding="utf-8"))["videos"]
    assert video["run"]["frames"]["kept"] >= 25
    assert len(read_file(tmp_path / "out" / "clip.mp4").frames) == 400


@needs_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://localhost:10001", "--ray takes host:port of the cluster itself"),
        ("localhost", "--ray localhost is no address"),
        ("auto", "there is no Ray cluster"),
    ],
)
def test_an_address_without_a_cluster_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path, address: str, message: str
) -> None:
    code, errors = end(start(make_clip(tmp_path / "clip.mp4"), tmp_path / "out", "--ray", address))
    assert code == 2, errors
    assert message in errors.splitlines()[-1]


@needs_ray
def test_a_port_that_nobody_answers_at_is_told_at_once(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code, errors = end(start(make_clip(tmp_path / "clip.mp4"), tmp_path / "out", "--ray", f"127.0.0.1:{port}"))
    assert code == 2, errors
    assert f"nothing answers at 127.0.0.1:{port}" in errors.splitlines()[-1]


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_one_line_says_what_to_install(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    code, errors = end(start(make_clip(tmp_path / "clip.mp4"), tmp_path / "out", "--ray", "auto"))
    assert code == 2, errors
    assert "pip install 'deblur-stream[cluster]'" in errors.splitlines()[-1]


def test_segments_are_what_is_spread(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    code, errors = end(start(make_clip(tmp_path / "clip.mp4"), tmp_path / "out", "--ray", "auto", segment=0))
    assert code == 2, errors
    assert "leave out --segment 0" in errors.splitlines()[-1]
