"""The one training recipe of every bundled target: a small pixel DDPM on a folder of images.

    python -m mia_viz train --images DIR --out DIR --members 0:128 --holdouts 256:304 --epochs 1400

Denoising loss of Ho et al. 2020 (eq. 14, unweighted) on a diffusers `UNet2DModel`, AdamW, an exponential moving
average of the weights, no augmentation: memorisation is what these models are for. A run can be killed at any moment
and goes on from its last state, ending with the weights of an undisturbed run (every random number depends on
(seed, step) alone). The result is an ordinary `DDPMPipeline` folder in half precision with a manifest beside it.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, DiffusionPipeline, UNet2DModel
from diffusers.training_utils import EMAModel
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mia_viz.demo.images import Images
from mia_viz.demo.recipe import Recipe
from mia_viz.diffusion import Schedule, noised
from mia_viz.whole import whole_file, whole_folder

WATCHED_TIMESTEPS = (50, 100, 150, 200, 300)
AUC_TIMESTEP = 150


def build_unet(size: int, image_channels: int, channels: tuple[int, ...]) -> UNet2DModel:
    """A UNet2DModel with one residual block per level; 2.5 M parameters for the default widths."""
    return UNet2DModel(
        sample_size=size,
        in_channels=image_channels,
        out_channels=image_channels,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * len(channels),
        up_block_types=("UpBlock2D",) * len(channels),
        norm_num_groups=min(8, channels[0]),
    )


def step_draw(recipe: Recipe, step: int, count: int, shape: torch.Size, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image indices (B,), timesteps (B,) and noise (B, C, H, W) of one step; a function of (seed, step) alone.

    Timesteps are stratified over the batch (one per equal slice of 0..T-1), which lowers the variance of the loss.
    """
    epoch, place = divmod(step, recipe.steps_per_epoch)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch))
    index = order[place * recipe.batch : (place + 1) * recipe.batch]
    generator = torch.Generator().manual_seed((recipe.seed + 1) * 10_000_019 + step)
    strata = torch.randperm(len(index), generator=generator) + torch.rand(len(index), generator=generator)
    timesteps = (strata / len(index) * levels).long().clamp(max=levels - 1)
    return index, timesteps, torch.randn((len(index), *shape), generator=generator)


@torch.no_grad()
def watched_losses(predict: Callable[[Tensor, Tensor], Tensor], schedule: Schedule, images: Tensor) -> np.ndarray:
    """Denoising loss of each image at WATCHED_TIMESTEPS with one fixed noise; float64 array (N, 5)."""
    eps = torch.randn(images.shape, generator=torch.Generator().manual_seed(12345)).to(images.device)
    columns = []
    for t in WATCHED_TIMESTEPS:
        x_t = noised(images, eps, schedule.gains(t))
        with torch.autocast(images.device.type, torch.bfloat16):
            eps_hat = predict(x_t, torch.full((len(images),), t, device=images.device))
        columns.append((eps_hat.float() - eps).square().mean(dim=(1, 2, 3)).double().cpu().numpy())
    return np.stack(columns, axis=1)


class Training:
    """A run of the recipe: the networks, the optimiser and the step they have reached."""

    def __init__(self, recipe: Recipe, images: Images, out: Path, device: str = "cpu") -> None:
        first, last = recipe.members
        if not 0 <= first < last <= len(images.names):
            raise ValueError(f"Members {first}:{last} do not lie within the {len(images.names)} images given.")
        self.recipe, self.images, self.out, self.device = recipe, images, out, torch.device(device)
        self.members = images.pixels[first:last].to(self.device)
        self.holdouts = images.pixels[slice(*recipe.holdouts)].to(self.device)
        self.scheduler = self.build_scheduler()
        self.schedule = Schedule.from_alphas_cumprod(self.scheduler.alphas_cumprod)
        torch.manual_seed(recipe.seed)
        self.unet = self.build_network(images.pixels.shape).to(self.device)
        self.ema = EMAModel(self.unet.parameters(), decay=recipe.ema, use_ema_warmup=True, power=0.75, foreach=True)
        self.optimiser = torch.optim.AdamW(self.unet.parameters(), recipe.learning_rate, fused=True)
        self.step = 0
        self.log: list[dict[str, float | None]] = []

    def build_scheduler(self) -> DDPMScheduler:
        """The noise schedule trained on and shipped."""
        return DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear", clip_sample=True)

    def build_network(self, shape: torch.Size) -> nn.Module:
        """The untrained network for images (N, C, H, W)."""
        return build_unet(shape[-1], shape[1], self.recipe.channels)

    def predict(self, x_t: Tensor, timesteps: Tensor, index: Tensor, training: bool = False) -> Tensor:
        """eps_hat for noised versions of the images `index` (B,), counted from the first of all."""
        return self.unet(x_t, timesteps).sample

    def pipeline(self, unet: nn.Module) -> DiffusionPipeline:
        """What is saved: the network, already in half precision, in its pipeline."""
        return DDPMPipeline(unet=unet, scheduler=self.scheduler)

    @property
    def state_file(self) -> Path:
        return self.out / "state.pt"

    def save_state(self) -> None:
        """Write everything needed to go on; the old state stays whole until the new one is complete."""
        state = {
            "recipe": json.dumps(asdict(self.recipe)),
            "unet": self.unet.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "log": self.log,
        }
        with whole_file(self.state_file) as partial:
            torch.save(state, partial)

    def resume(self) -> bool:
        """Go on from the state in `out`, if there is one. Raises ValueError when it belongs to another recipe."""
        if not self.state_file.exists():
            return False
        state = torch.load(self.state_file, map_location=self.device, weights_only=True)
        if json.loads(state["recipe"]) != json.loads(json.dumps(asdict(self.recipe))):
            raise ValueError(f"{self.out} holds a run with other settings; choose another --out or the same settings.")
        self.unet.load_state_dict(state["unet"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.log = state["step"], state["log"]
        return True

    def advance(self) -> Tensor:
        """One optimiser step; returns its loss (not yet synchronised with the host)."""
        shape = self.members.shape[1:]
        index, timesteps, eps = step_draw(self.recipe, self.step, len(self.members), shape, self.schedule.steps)
        eps, timesteps = eps.to(self.device), timesteps.to(self.device)
        x_t = self.scheduler.add_noise(self.members[index.to(self.device)], eps, timesteps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        with torch.autocast(self.device.type, torch.bfloat16):
            eps_hat = self.predict(x_t, timesteps, index + self.recipe.members[0], training=True)
        loss = functional.mse_loss(eps_hat.float(), eps)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimiser.step()
        self.ema.step(self.unet.parameters())
        self.step += 1
        return loss.detach()

    def measure(self) -> dict[str, float | None]:
        """Losses of 48 members and of the hold-outs under the averaged weights, and how well they tell them apart.

        Without hold-outs their losses and the AUC are None.
        """
        watched = len(self.holdouts) > 0
        with self.averaged():
            inside = self._watched(self.recipe.members[0], self.members)
            outside = self._watched(self.recipe.holdouts[0], self.holdouts) if watched else None
        row = {"epoch": self.step / self.recipe.steps_per_epoch, "step": self.step}
        for column, t in enumerate(WATCHED_TIMESTEPS):
            row[f"member_loss_{t}"] = round(float(inside[:, column].mean()), 6)
            row[f"holdout_loss_{t}"] = round(float(outside[:, column].mean()), 6) if watched else None
        row["auc"] = None
        if watched:
            column = WATCHED_TIMESTEPS.index(AUC_TIMESTEP)
            truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
            row["auc"] = round(float(roc_auc_score(truth, -np.r_[inside[:, column], outside[:, column]])), 4)
        self.log.append(row)
        return row

    def _watched(self, first: int, images: Tensor) -> np.ndarray:
        """Losses of the first 48 of some images, the first of which is number `first` of all."""
        index = torch.arange(first, first + min(48, len(images)))
        return watched_losses(lambda x_t, t: self.predict(x_t, t, index), self.schedule, images[:48])

    def averaged(self) -> _AveragedWeights:
        """Context in which the network carries its averaged (EMA) weights."""
        return _AveragedWeights(self)

    def export(self, name: str) -> Path:
        """Write the averaged network as a half-precision DDPMPipeline folder with its manifest."""
        with self.averaged():
            weights = {key: value.clone() for key, value in self.unet.state_dict().items()}
        half = type(self.unet).from_config(self.unet.config)
        half.load_state_dict(weights)
        with whole_folder(self.out / name) as partial:
            self.pipeline(half.half()).save_pretrained(partial, safe_serialization=True)
            (partial / "manifest.json").write_text(json.dumps(self.manifest(), indent=1) + "\n")
            with open(partial / "losses.csv", "w", newline="") as file:
                rows = csv.DictWriter(file, self.log[0].keys() if self.log else ["epoch"])
                rows.writeheader()
                rows.writerows(self.log)
        return self.out / name

    def manifest(self) -> dict:
        """What the target was trained on and how: recipe, epoch reached, member names with SHA-256, last losses."""
        first, last = self.recipe.members
        return {
            "recipe": asdict(self.recipe),
            "epoch": self.step // self.recipe.steps_per_epoch,
            "images_seen": self.step * self.recipe.batch,
            "parameters": sum(p.numel() for p in self.unet.parameters()),
            "members": dict(zip(self.images.names[first:last], self.images.sha256[first:last], strict=True)),
            "losses": self.log[-1] if self.log else None,
        }


class _AveragedWeights:
    """Swaps the EMA weights in on entry and the trained ones back on exit."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def __enter__(self) -> None:
        self.training.unet.eval()
        self.training.ema.store(self.training.unet.parameters())
        self.training.ema.copy_to(self.training.unet.parameters())

    def __exit__(self, *_: object) -> None:
        self.training.ema.restore(self.training.unet.parameters())
        self.training.unet.train()


def progress_line(row: dict[str, float | None], recipe: Recipe) -> str:
    """Epoch and what `Training.measure` found, for the log."""
    line = (
        f"epoch {row['epoch']:.0f}/{recipe.epochs}  t={AUC_TIMESTEP}: members {row[f'member_loss_{AUC_TIMESTEP}']:.4f}"
    )
    if row["auc"] is not None:
        line += f" hold-outs {row[f'holdout_loss_{AUC_TIMESTEP}']:.4f} AUC {row['auc']:.3f}"
    return line


def train(recipe: Recipe, images: Images, out: Path, device: str = "cpu", measure_every: int = 40) -> Path:
    """Run or resume the recipe to its end and return the folder of the finished target; see `finish`."""
    out.mkdir(parents=True, exist_ok=True)
    return finish(Training(replace(recipe), images, out, device), measure_every)


def finish(run: Training, measure_every: int) -> Path:
    """Take a run from its last state to its end and return the folder of the finished target.

    Prints one line and saves the state every `measure_every` epochs; kept ages land in epoch-NNNN beside it.
    """
    recipe, resumed = run.recipe, run.resume()
    print(f"{'resumed at' if resumed else 'starting at'} step {run.step} of {recipe.steps}", flush=True)
    pause = measure_every * recipe.steps_per_epoch
    kept = {epoch * recipe.steps_per_epoch: epoch for epoch in recipe.keep_epochs}
    clock, mark = time.perf_counter(), run.step
    while run.step < recipe.steps:
        loss = run.advance()
        if run.step % pause and run.step != recipe.steps and run.step not in kept:
            continue
        rate = (run.step - mark) * recipe.batch / (time.perf_counter() - clock)
        row = run.measure()
        print(f"{progress_line(row, recipe)}  loss {loss.item():.4f}  {rate:.0f} images/s", flush=True)
        if run.step in kept:
            run.export(f"epoch-{kept[run.step]:04d}")
        run.save_state()
        clock, mark = time.perf_counter(), run.step
    return run.export("target")
