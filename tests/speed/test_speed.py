"""The benchmark page: what is kept, what is worked out, what is drawn. Nothing here is timed."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mia_viz.analysis import plan, run
from mia_viz.probe import Probe
from mia_viz.speed import __main__ as command
from mia_viz.speed import engine, page, plots, processes, toys
from mia_viz.speed.machine import machine
from mia_viz.speed.scale import QUICK
from mia_viz.targets.pixel import open_folder

COST = {"attack": "loss", "nfe": 1.0, "wall": 0.02, "cpu": 0.02, "bare": 0.019, "overhead": 0.04, "batch": 4}
FOUND = {
    "attacks": {
        "target": "toy",
        "size": [1, 16, 16],
        "rows": [COST, {**COST, "batch": 16, "overhead": 0.02}, {**COST, "attack": "pia", "overhead": 0.03}],
        "left_out": [["drc", 16]],
    },
    "loop": {
        "target": "toy",
        "pictures": 10,
        "batch": 16,
        "seconds": {"plain, one by one": 4.0, "plain, in batches": 2.0, "audit": 2.5},
        "apart": 1e-6,
    },
    "number": {
        "side": 16,
        "row_bytes": 250.0,
        "rows": [
            {"pictures": 100, "seconds": 1.0, "rate": 100.0, "peak": 500.0, "table": 40_000},
            {"pictures": 1000, "seconds": 10.0, "rate": 100.0, "peak": 501.0, "table": 400_000},
        ],
    },
    "nfe": {"target": "toy", "batch": 4, "rows": [{**COST, "nfe": n, "wall": 0.01 + 0.02 * n} for n in (1, 2, 4)]},
    "size": {"batch": 4, "rows": [{**COST, "side": 16}, {**COST, "side": 32}]},
    "workers": {
        "target": "toy",
        "pictures": 48,
        "rows": [
            {"engine": "shards", "part": 16, "one": 5.0, "two": 10.0},
            {"engine": "Ray", "part": 16, "one": 4.0, "two": 8.0},
        ],
    },
    "laboratory": {
        "moves": 60,
        "rows": [
            {"pictures": 100, "median": 0.5, "slowest": 0.9, "map": 3.0, "budget": 50.0},
            {"pictures": 10_000, "median": 2.0, "slowest": 51.0, "map": 90.0, "budget": 50.0},
        ],
    },
    "startup": {"target": "toy", "rows": {"python -m mia_viz --help": 0.2}, "imports": [["torch", 1.5]]},
}


@pytest.fixture
def measured():
    told = {"scale": "full", "machine": {"processor": "made up", "cores": "2"}, "load": 0.5, "seconds": 1.0}
    return {name: {**told, "found": found} for name, found in FOUND.items()}


def test_the_page_works_out_what_it_says(measured):
    words = page.page(measured, "images/speed")
    assert "The median overhead of all rows is 3.0 %" in words
    assert "The audit takes 1.25 times as long as the faster script" in words
    assert "time grows 10.0 fold, and peak memory goes from 500 to 501 MiB" in words
    assert "20 ms per question and 10 ms per picture, at most 0 % off" in words
    assert "drc at 16" in words
    assert re.search(r"\| shards\s+\|\s+16 \|\s+5 \|\s+10 \| 2\.00 \|", words)
    assert "lost 0.80 s per part of 16 pictures" in words  # 2 parts of 16 at 8 and at 10 pictures per second
    assert "with 10,000 pictures: exceeded by the slowest of 60 moves" in words
    assert words.count("![") == len(FOUND)
    assert words.count("processor made up, cores 2") == 1


def test_the_million_rests_on_what_was_measured(measured):
    words = page.page(measured, "images/speed")
    assert "3.0 % overhead, 250 bytes per row and 150 per spectrum" in words
    hours = 1e6 * (1 + 4) / 60 * 1.03 / 3600
    assert re.search(rf"\| loss\s+\|\s+1 \|\s+11\.7 \|\s+{hours:.0f} \|\s+{hours / 16:.1f} \|\s+400 MB \|", words)
    assert "on paper" not in page.page({name: measured[name] for name in ("nfe", "size")}, "x")


def test_figures_are_the_same_for_the_same_numbers(tmp_path):
    for name, found in FOUND.items():
        first = plots.draw(name, found, tmp_path / "a").read_bytes()
        assert first == plots.draw(name, found, tmp_path / "b").read_bytes()
        assert b"<svg" in first
        assert b"<dc:date>" not in first


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    asked = []

    def section(name):
        def measure(scale, work: Path):
            asked.append(name)
            if name == "number":
                raise RuntimeError("A measurement failed; see above.")
            return FOUND[name]

        return measure

    monkeypatch.setattr(command, "section", section)
    assert command.main(["--page", str(tmp_path / "p.md")]) == 2
    assert asked == ["attacks", "loop", "number"]
    assert set(json.loads((tmp_path / "speed.json").read_text())) == {"attacks", "loop"}
    assert command.main(["--page", str(tmp_path / "p.md"), "--only", "loop", "nfe", "--again", "loop"]) == 0
    assert asked[3:] == ["loop", "nfe"]
    assert (tmp_path / "images" / "speed" / "attacks.svg").is_file()
    assert command.main(["--page", str(tmp_path / "p.md"), "--quick"]) == 2


def test_the_plain_loop_is_the_attack(tmp_path):
    folder = toys.write_model(tmp_path / "toy")
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (3, 16, 16), dtype=np.uint8)
    for i, values in enumerate(pixels):
        Image.fromarray(values).save(tmp_path / f"{i}.png")
    unet, signal = engine.plain_model(folder)
    x_0 = torch.from_numpy(pixels.astype(np.float32))[:, None] / 127.5 - 1
    ours = run(Probe(open_folder(folder), x_0), plan("pia", {"t": str(engine.LOOP_T)})).raw
    for batch in (1, 2):
        np.testing.assert_allclose(engine.plain_pia(unet, signal, tmp_path, batch), ours, rtol=1e-4)


def test_the_laboratory_is_measured_from_a_hundred_pictures_on(tmp_path):
    found = engine.laboratory(QUICK, tmp_path)
    assert [row["pictures"] for row in found["rows"]] == [100]
    assert all(0 < row["median"] <= row["slowest"] for row in found["rows"])


def test_a_child_tells_what_its_audit_did(tmp_path):
    """In this process, so that nothing is started; by its own words the numbers are those of the folder."""
    from mia_viz.speed import child

    model, source = toys.write_model(tmp_path / "toy"), toys.write_pictures(tmp_path / "p.parquet", 40)
    options = child.argparse.Namespace(
        target=str(model),
        source=str(source),
        out=tmp_path / "out",
        attack="loss",
        part=16,
        shard=(1, 1),
        actors=0,
        no_spectra=False,
    )
    said = child.audited(options)
    files = list((tmp_path / "out" / "parts").glob("*.parquet"))
    assert (said["pictures"], len(files)) == (40, 3)
    assert said["table"] == sum(file.stat().st_size for file in files)
    assert said["rate"] > 0
    assert said["peak"] > 1


def test_a_rate_leaves_out_what_was_begun_before(tmp_path):
    """Two workers of 16 pictures per 2 s each, the first parts done at once: 16 pictures per second together."""
    (tmp_path / "parts").mkdir()
    for i, second in enumerate((10, 10, 12, 12, 14, 14)):
        file = tmp_path / "parts" / f"part-{i:06d}.parquet"
        file.touch()
        os.utime(file, (second, second))
    assert processes.at_work(tmp_path, 2, 16) == pytest.approx(16)


def test_imports_are_added_by_package():
    told = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       200 |        200 |   torch.nn.modules\n"
        "import time:  1500000 |    1500200 | torch\n"
        "import time:      1000 |       1000 | numpy\n"
        "a warning that is none of these\n"
    )
    assert processes.heaviest(told) == [["torch", pytest.approx(1.5002)], ["numpy", pytest.approx(0.001)]]


def test_the_machine_is_described_but_not_named():
    words = json.dumps(machine())
    assert {"processor", "cores", "memory", "torch"} <= set(machine())
    assert socket.gethostname() not in words
    assert str(Path.home()) not in words


def test_every_section_can_be_measured_and_written():
    for name in command.SECTIONS:
        assert callable(command.section(name))
        assert name in plots.DRAWN
        assert name in page.WRITTEN
    assert QUICK.name == "quick"


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'numpy', 'pyarrow', 'ray', 'matplotlib'}"
    code = f"import sys; import mia_viz.cli as c; c.build_parser(); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=processes.ROOT)
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells it there")
def test_the_peak_is_the_childs_own_and_not_its_parents():
    held = bytearray(300 * 2**20)
    code = "from mia_viz.speed.child import peak_memory; print(peak_memory())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 < float(said.stdout) < len(held) / 2**20
