"""Latent models that are absurd, damaged, unsupported or unsafe are refused in one sentence."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.targets.refusals import refused
from tests.targets.tiny_pipelines import edit

UNET, VAE, TEXT = "unet/config.json", "vae/config.json", "text_encoder/config.json"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
INDEX, SCHEDULER = "model_index.json", "scheduler/scheduler_config.json"


@pytest.mark.parametrize(
    ("kind", "file", "values", "said"),
    [
        ("sd", INDEX, {"_class_name": "StableDiffusionInpaintPipeline"}, "supported are pixel models and DiTPipeline"),
        ("sd", INDEX, {"_class_name": ["my_pipeline", "Mine"]}, "supported are"),
        ("sd", INDEX, {"text_encoder": [None, None]}, "has no text_encoder, which models of this kind need"),
        ("sd", INDEX, {"text_encoder": ["my_code", "Encoder"]}, "which MIA-Viz does not know"),
        ("sd", INDEX, {"tokenizer": ["os", "system"]}, "no tokenizer that MIA-Viz knows"),
        ("sdxl", INDEX, {"text_encoder_2": [None, None]}, "has no text_encoder_2"),
        ("sd", UNET, {"_class_name": "UNet2DModel"}, "needs a UNet2DConditionModel"),
        ("sd", UNET, {"in_channels": 9}, "takes 9 channels and gives 4, but the VAE makes 4"),
        ("sd", UNET, {"out_channels": 8}, "more than the latents"),
        ("sd", UNET, {"sample_size": 100_000}, "usable size of its latents"),
        ("sd", UNET, {"sample_size": None}, "usable size of its latents"),
        ("sd", UNET, {"block_out_channels": [8, 10**9]}, "absurdly large numbers"),
        ("sd", UNET, {"block_out_channels": [8] * 11}, "usable widths"),
        ("sd", UNET, {"block_out_channels": [800, 1600]}, "do not fit their description"),
        ("sd", UNET, {"layers_per_block": 10**6}, "absurdly large numbers"),
        ("sd", UNET, {"transformer_layers_per_block": [1, 10**6]}, "absurdly large numbers"),
        ("sd", UNET, {"cross_attention_dim": 32}, "do not fit their description"),
        ("sd", UNET, {"num_class_embeds": 10}, "wants a class beside the caption"),
        ("sd", UNET, {"time_cond_proj_dim": 8}, "wants its guidance told"),
        ("sd", UNET, {"addition_embed_type": "text"}, "more than captions and sizes"),
        ("sd", UNET, {"quantization_config": {"load_in_4bit": True}}, "compressed number format"),
        ("sd", VAE, {"_class_name": "AutoencoderTiny"}, "VAE is a AutoencoderTiny"),
        ("sd", VAE, {"latent_channels": 16}, "the VAE makes 16"),
        ("sd", VAE, {"out_channels": 1}, "does not give back what it takes"),
        ("sd", VAE, {"block_out_channels": [8, 8, 8]}, "do not fit their description"),
        ("sd", TEXT, {"auto_map": {"AutoModel": "evil.Model"}}, "code of its own"),
        ("sd", TEXT, {"_attn_implementation": "evil/kernels"}, "code of its own"),
        ("sd", TEXT, {"num_hidden_layers": 10**7}, "absurdly large numbers"),
        ("sd", TEXT, {"model_type": "clip", "text_config": {"num_hidden_layers": 10**6}}, "absurdly large numbers"),
        ("sd", TEXT, {"text_config": [{"vocab_size": 10**12}]}, "absurdly large numbers"),
        ("sd", TEXT, {"text_config": json.loads('{"a":' * 50 + "1" + "}" * 50)}, "absurdly roundabout"),
        ("sd", TEXT, {"vocab_size": 9_000_000}, "do not fit their description"),
        ("sd", TEXT, {"num_hidden_layers": 3}, "do not fit their description"),
        ("sd3", "transformer/config.json", {"pos_embed_max_size": 10**5}, "absurdly large numbers"),
        ("flux", VAE, {"sample_size": None}, "usable size of its latents"),
        ("flux", VAE, {"sample_size": 18}, "patches of 2 by 2"),
        ("flux", SCHEDULER, {"_class_name": "DDIMScheduler"}, "not one of rectified flows"),
        ("flux", SCHEDULER, {"num_train_timesteps": 10**9}, "usable number of steps"),
        ("flux", SCHEDULER, {"invert_sigmas": True}, "backwards"),
        ("sd3", SCHEDULER, {"shift": float("nan")}, "little noise to much"),
        ("sd3", SCHEDULER, {"shift": "much"}, "cannot be read"),
        ("flux-guided", SCHEDULER, {"max_image_seq_len": 256}, "cannot be read"),
        ("sd", SCHEDULER, {"prediction_type": "flow_prediction"}, 'predicts "flow_prediction"'),
        ("sd", SCHEDULER, {"beta_end": 1.5}, "little noise to much"),
    ],
)  # fmt: skip
def test_what_is_absurd_or_unsupported_is_refused(copied, kind, file, values, said):
    folder = copied(kind)
    edit(folder / file, **values)
    refused(folder, said)


def test_missing_and_damaged_parts_are_refused(copied, saved):
    folder = copied("sd")
    whole = (folder / WEIGHTS).read_bytes()
    for damaged in (whole[:-100], b"garbage", b""):
        (folder / WEIGHTS).write_bytes(damaged)
        refused(folder, "do not fit their description|damaged")
    weights = load_file(saved("sd") / WEIGHTS)
    without = {name: weight for name, weight in weights.items() if name != "conv_in.weight"}
    save_file(without, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "do not fit their description")
    save_file({**weights, "extra.weight": torch.zeros(1)}, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "do not fit their description")
    endless = {**weights, "conv_out.bias": torch.full((4,), torch.nan)}
    save_file(endless, folder / WEIGHTS, metadata={"format": "pt"})
    refused(folder, "not finite")
    (folder / WEIGHTS).unlink()
    refused(folder, "no weights of its network|no weights of its unet")
    for part in ("tokenizer", "vae", "scheduler"):
        folder = copied("dit" if part == "vae" else "ldm-kl" if part == "scheduler" else "sd3")
        shutil.rmtree(folder / part)
        refused(folder, f"has no {part}|description of the VAE|noise schedule")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_part_that_is_a_pickle_is_refused_and_not_opened(copied, part):
    class Bomb:
        def __reduce__(self):
            return (open, (str(folder / "exploded"), "w"))

    folder = copied("sd")
    for file in (folder / part).glob("*.safetensors"):
        file.unlink()
        file.with_suffix(".bin").write_bytes(pickle.dumps(Bomb()))
    refused(folder, "pickle file that could run code; save the weights as safetensors")
    assert not (folder / "exploded").exists()
