"""Opening latent models: every supported source, and one sentence for everything else."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

from mia_viz.targets import bundled
from mia_viz.targets.bundled import open_target
from mia_viz.targets.latent import LatentTarget
from mia_viz.targets.latent_open import open_latent
from tests.targets.refusals import refused
from tests.targets.single_files import save_single_file
from tests.targets.tiny_pipelines import SIDE, edit, stable_diffusion

INDEX, SCHEDULER = "model_index.json", "scheduler/scheduler_config.json"


def answer(target, captions=("a cat", "dog")):
    x_t = torch.randn(2, *target.shape, generator=torch.Generator().manual_seed(3))
    return target.predict_noise(x_t, torch.tensor([50, 600]), target.condition(captions))


def test_the_card_states_what_is_known(saved):
    target = open_target(str(saved("sdxl")))
    assert isinstance(target, LatentTarget)
    assert target.name == target.card.title == "sdxl"
    assert target.card.parameters == sum(p.numel() for p in target.backbone.network.parameters())
    for part in ("Stable Diffusion XL", "UNet2DConditionModel", "4 x 8 x 8", "AutoencoderKL", "16 x 16 pixels"):
        assert part in target.card.description
    guided = open_target(str(saved("sdxl")), guidance=7.5)
    assert any("with scale 7.5" in said for said in guided.card.assumed)
    assert (target.passes, guided.passes) == (1, 2)
    assert open_target(str(saved("flux-guided")), guidance=3.5).passes == 1


def test_the_hash_covers_every_weight(copied):
    folder = copied("sd")
    whole = open_latent(folder).weights_sha256
    files = ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"]
    lines = sorted(
        f"{f}.safetensors {hashlib.sha256((folder / f'{f}.safetensors').read_bytes()).hexdigest()}" for f in files
    )
    assert whole == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    for name in files:
        weights = load_file(folder / f"{name}.safetensors")
        first = next(iter(weights))
        save_file({**weights, first: weights[first] + 1}, folder / f"{name}.safetensors", metadata={"format": "pt"})
        assert open_latent(folder).weights_sha256 != whole


def test_parts_in_half_precision_or_in_several_files(saved, tmp_path):
    """fp16 variants and shards, as hubs have them; on a CPU both are asked in float32."""
    pipe = stable_diffusion()
    pipe.save_pretrained(tmp_path / "shards", max_shard_size="100KB")
    assert len(list((tmp_path / "shards" / "unet").glob("*.safetensors"))) > 1
    assert torch.equal(answer(open_latent(tmp_path / "shards")), answer(open_latent(saved("sd"))))
    pipe.to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    half = open_latent(tmp_path / "half")
    assert half.precision == "float32"
    torch.testing.assert_close(answer(half), answer(open_latent(saved("sd"))), rtol=0.05, atol=0.02)
    shard = next((tmp_path / "shards" / "unet").glob("*.safetensors"))
    shard.unlink()
    refused(tmp_path / "shards", "incomplete")


def test_a_bundled_model_may_share_its_vae_and_text_encoder(saved, copied, tmp_path, monkeypatch):
    """The layout of the emoji twins, which diffusers itself opens with the shared parts handed over."""
    common, folder = tmp_path / "targets" / "tiny-shared", tmp_path / "targets" / "tiny-a"
    shutil.copytree(saved("sd"), folder)
    common.mkdir()
    for part in ("vae", "text_encoder", "tokenizer"):
        shutil.move(folder / part, common / part)
    facts = {"shares": "tiny-shared", "title": "Tiny", "trained_on": "Group A", "epoch": 7, "members": {"a.png": "0"}}
    (folder / "manifest.json").write_text(json.dumps(facts))
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    assert bundled.bundled_names() == ["tiny-a"]
    target = open_target("tiny-a")
    assert (target.card.title, target.card.epoch, target.card.members) == ("Tiny", 7, {"a.png": "0"})
    assert target.weights_sha256 == open_latent(saved("sd")).weights_sha256
    assert torch.equal(answer(target), answer(open_latent(saved("sd"))))
    whole = StableDiffusionPipeline.from_pretrained(
        folder,
        vae=target.autoencoder.vae,
        text_encoder=CLIPTextModel.from_pretrained(common / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(common / "tokenizer"),
        local_files_only=True,
    )
    assert whole.unet.config.sample_size == SIDE // 2
    for name in ("../tiny-shared", "gone", "", 5):
        edit(folder / "manifest.json", shares=name)
        refused("tiny-a", "shared parts is missing")


def test_a_single_file_with_its_description_beside_it(saved, copied, tmp_path):
    folder = copied("sd")
    for file in folder.rglob("*.safetensors"):
        file.unlink()
    file = tmp_path / "sd.safetensors"
    save_single_file(stable_diffusion(), file)
    target, whole = open_target(str(file)), open_latent(saved("sd"))
    assert target.name == "sd"
    assert target.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert torch.equal(answer(target), answer(whole))
    torch.testing.assert_close(target.decode(whole.encode(torch.zeros(1, 3, 16, 16))), whole.decode(whole.encode(
        torch.zeros(1, 3, 16, 16))))  # fmt: skip
    assert any("description of sd was taken" in said for said in target.card.assumed)
    edit(folder / INDEX, text_encoder=["os", "system"])
    refused(file, "which MIA-Viz does not know")
    edit(folder / INDEX, _class_name="DiTPipeline")
    refused(file, "never stored as a single file")


def test_single_files_that_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    save_single_file(stable_diffusion(), tmp_path / "alone.safetensors")
    refused(tmp_path / "alone.safetensors", "cannot be downloaded without a network; put the description")
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(2)}, tmp_path / "lora.safetensors")
    refused(tmp_path / "lora.safetensors", "holds no whole diffusion model; LoRA weights go on top of one with --lora")
    (tmp_path / "broken.safetensors").write_bytes(b"garbage")
    refused(tmp_path / "broken.safetensors", "damaged")
    for name in ("model.ckpt", "model.bin", "model.pt"):
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": 1}))
        refused(tmp_path / name, "other pickle files are never opened")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub's cache folder that holds tiny/model, without a network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    def put(name: str, folder) -> None:
        place = tmp_path / f"models--{name.replace('/', '--')}"
        shutil.copytree(folder, place / "snapshots" / ("0" * 40))
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text("0" * 40)

    return put


def test_a_hub_id_is_opened_from_the_cache_when_there_is_no_network(saved, hub):
    hub("tiny/model", saved("sd"))
    target = open_target("tiny/model")
    assert target.name == "tiny-model"
    assert torch.equal(answer(target), answer(open_latent(saved("sd"))))


def test_hub_ids_that_cannot_be_had(saved, copied, hub):
    refused("somebody/nothing", "cannot be downloaded without a network")
    folder = copied("sd")
    edit(folder / INDEX, _class_name="WanPipeline")
    hub("tiny/video", folder)
    refused("tiny/video", "is a WanPipeline; supported are")
    for where in ("nothing", "a/b/c", "../x", "/nowhere/model", "-a/b"):
        refused(where, "There is no model called")


def test_schedulers_of_other_samplers_have_the_same_levels(copied, saved):
    """PNDM, Euler or DPM-Solver walk differently, but were trained on the same betas."""
    expected = open_latent(saved("sd")).schedule
    for name in ("PNDMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler", "DDPMScheduler"):
        folder = copied("sd")
        edit(folder / SCHEDULER, _class_name=name)
        schedule = open_latent(folder).schedule
        assert torch.equal(schedule.alpha, expected.alpha)
        shutil.rmtree(folder)
    rescaled = open_latent(saved("sd-v")).schedule
    assert rescaled.alpha[-1] == 0
    assert rescaled.alpha[0] == pytest.approx(float(expected.alpha[0]), abs=1e-6)


def test_grey_pictures_and_oblong_latents(tmp_path, pictures):
    stable_diffusion(pictures=1, sample_size=[8, 4]).save_pretrained(tmp_path)
    target = open_latent(tmp_path)
    assert (target.picture_shape, target.shape) == ((1, 16, 8), (4, 8, 4))
    image = pictures(2, SIDE, 1)[..., :8]
    assert target.decode(target.encode(image)).shape == image.shape
    assert answer(target).shape == (2, 4, 8, 4)


def test_folders_as_older_versions_saved_them(copied, saved):
    """Other names of text and VAE weights, a tokenizer of two files, and a scheduler that states less."""
    folder = copied("sd")
    text = folder / "text_encoder" / "model.safetensors"
    older = {f"text_model.{name.removeprefix('text_model.')}": weight for name, weight in load_file(text).items()}
    older["text_model.embeddings.position_ids"] = torch.arange(12)[None]
    save_file(older, text, metadata={"format": "pt"})
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    older = {}
    for name, weight in load_file(vae).items():
        for new, old in names.items():
            name = name.replace(new, old)
        older[name] = weight
    save_file(older, vae, metadata={"format": "pt"})
    vocab = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocab))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 12}))
    config = json.loads((folder / SCHEDULER).read_text())
    del config["prediction_type"]
    (folder / SCHEDULER).write_text(json.dumps(config))
    target, whole = open_latent(folder), open_latent(saved("sd"))
    assert torch.equal(answer(target), answer(whole))
    assert torch.equal(target.encode(torch.ones(1, 3, 16, 16)), whole.encode(torch.ones(1, 3, 16, 16)))
    assert target.card.assumed == ("What the network predicts is not stated; the noise was assumed.",)
