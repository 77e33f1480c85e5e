"""Takes an RTSP server away from `deblur live` and gives it back, with GStreamer's own server.

    python benchmarks/rtsp.py

The server runs in Debian's Python, which has GStreamer's bindings (packages gir1.2-gst-rtsp-server-1.0, python3-gi and
gstreamer1.0-plugins-ugly). Ends with 1 unless the gap is in the report and the recording goes on after it.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import av

SERVER = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! "
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )"
)
factory.set_shared(True)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


def serve(python: str, port: int) -> subprocess.Popen[str]:
    """Starts the server and waits until it listens."""
    server = subprocess.Popen([python, "-c", SERVER, str(port)], stdout=subprocess.PIPE, text=True)  # noqa: S603
    if server.stdout is None or server.stdout.readline().strip() != "ready":
        server.kill()
        sys.exit(f"{python} can't run GStreamer's RTSP server; install the packages that this script names")
    return server


def stop(server: subprocess.Popen[str]) -> None:
    """Kills the server without a closing message, as a pulled cable would."""
    server.kill()
    server.communicate()


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server-python", default="/usr/bin/python3", help="a Python that has GStreamer's bindings")
    parser.add_argument("--seconds", type=float, default=6, help="before the cut, and after it")
    parser.add_argument("--away", type=float, default=3, help="seconds without a server")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = serve(options.server_python, port)
    with tempfile.TemporaryDirectory() as folder:
        recording, report = Path(folder) / "out.mkv", Path(folder) / "report.json"
        arguments = [f"rtsp://127.0.0.1:{port}/live", "--record", recording, "--report", report]
        # Starting, noticing the cut and connecting again take their time beside what was asked for.
        duration = 2 * options.seconds + options.away + 12
        code = "from pipeline.cli import main; main()"
        command = [sys.executable, "-c", code, "live", *arguments, "--network", "identity", "--duration", duration]
        live = subprocess.Popen([str(part) for part in command])  # noqa: S603
        while not recording.is_file():
            if live.poll() is not None:
                stop(server)
                sys.exit("deblur live ended early")
            time.sleep(0.1)
        time.sleep(options.seconds)
        stop(server)
        time.sleep(options.away)
        server = serve(options.server_python, port)
        code_of_live = live.wait(duration + 60)
        stop(server)
        facts = json.loads(report.read_text(encoding="utf-8"))
        with av.open(str(recording)) as container:
            times = [frame.time or 0.0 for frame in container.decode(video=0)]
    steps = [later - earlier for earlier, later in pairwise(times)]
    longest = max(range(len(steps)), key=steps.__getitem__)
    print(json.dumps({key: facts[key] for key in ("frames", "gaps", "events", "latency_ms")}, indent=2))
    print(f"the recording: {len(times)} frames, a step of {steps[longest]:.2f} s after {times[longest]:.2f} s")
    gap = facts["gaps"][0]["seconds"] if facts["gaps"] else 0.0
    is_good = (
        code_of_live == 0
        and gap >= options.away
        and abs(steps[longest] - gap) < 1
        and len(times) - longest > options.seconds
    )
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
