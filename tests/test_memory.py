"""How much memory there is, and what a model's weights take of it."""

from __future__ import annotations

import os
import subprocess
import sys

from safetensors.numpy import load_file

from mia_viz import memory
from mia_viz.commands.common import open_target
from tests.commands.conftest import write_model
from tests.targets import tiny_pipelines


def test_a_containers_limit_counts_where_it_is_less(tmp_path):
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lower, none, missing = tmp_path / "lower", tmp_path / "none", tmp_path / "missing"
    lower.write_text("1000000\n")
    none.write_text("max\n")
    assert memory.machine_bytes((lower,)) == 1_000_000
    assert memory.machine_bytes((none, missing)) == total
    assert memory.most_bytes("cpu") <= total / 2


def test_bytes_of_weights_are_those_of_their_arrays(tmp_path):
    folder = write_model(tmp_path / "tiny", seed=0)
    arrays = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors").values()
    assert memory.held_bytes(open_target(str(folder), "cpu")) == sum(a.nbytes for a in arrays)
    assert 0 <= memory.weight_bytes(str(folder)) - sum(a.nbytes for a in arrays) < 100_000  # the file's header
    assert memory.weight_bytes("owner/name") == 0


def test_all_networks_of_a_text_to_image_model_count(tmp_path):
    folder = tiny_pipelines.save("sd", tmp_path / "sd")
    target = open_target(str(folder), "cpu")
    files = [file for file in folder.rglob("*.safetensors") if file.parent.name in ("unet", "vae", "text_encoder")]
    stored = sum(array.nbytes for file in files for array in load_file(file).values())
    assert 0.9 < memory.held_bytes(target) / stored < 1.1


def test_it_is_asked_without_torch():
    asked = "memory.most_bytes('cpu'); memory.free_memory()"
    code = f"import sys; from mia_viz import memory; {asked}; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
