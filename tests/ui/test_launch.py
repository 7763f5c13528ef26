"""Starting and ending: this machine only, and no private folder stays behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.ui.measure import ROOT, free_port, wait_for_port

TABLE = Path("/proc/net/tcp")


def test_the_private_folder_is_the_owners_and_goes_with_the_app(tmp_path):
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "TMPDIR": str(tmp_path)}
    environment.pop("GRADIO_TEMP_DIR", None)
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode()
        assert "MIA-Viz" in page
        folders = list(tmp_path.glob("mia-viz-*"))
        assert len(folders) == 1
        assert stat.S_IMODE(folders[0].stat().st_mode) == 0o700
        if TABLE.exists():
            assert listening_addresses(port) == {"0100007F"}  # 127.0.0.1 in the kernel's notation, nothing else
    finally:
        app.send_signal(signal.SIGTERM)
        app.wait(timeout=30)
    for _ in range(20):
        if not list(tmp_path.glob("mia-viz-*")):
            return
        time.sleep(0.1)
    raise AssertionError("the private folder was left behind")


def listening_addresses(port: int) -> set[str]:
    """Addresses a port is listened on, from the kernel's table."""
    rows = [row.split() for row in TABLE.read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
