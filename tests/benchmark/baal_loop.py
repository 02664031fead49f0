"""The same loop by baal (baal.readthedocs.io), as its documentation shows it, on PyTorch: one process for a seed.

    python tests/benchmark/baal_loop.py SURVEY CONFIG SEED

It takes an environment with baal and pandas. Views are made in batches, by the network's first layer, which is faster
than an image at a time in the data set. Two things are left out: weights are not averaged, and BALD is of one vote.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import plain_survey
import structlog
import torch
from baal.active import ActiveLearningDataset, ActiveLearningLoop, heuristics
from baal.bayesian.dropout import patch_module
from baal.modelwrapper import ModelWrapper, TrainingArgs
from torch import nn

seed = int(sys.argv[3])
config, survey = plain_survey.read(Path(sys.argv[1]), sys.argv[2], seed)
question, sizes, training = config["question"], config["network"], config["training"]
side, views = sizes["input_size"], config["augmentations"]
torch.manual_seed(seed)
np.random.seed(seed)  # noqa: NPY002  baal draws from this one
torch.set_num_threads(1)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


class View(nn.Module):
    """Rotate, flip, zoom and crop at once, then change the contrast."""

    def forward(self, batch):
        number = len(batch)
        angle = torch.rand(number) * 2 * torch.pi
        zoom = torch.empty(number).uniform_(*question["zoom"])
        flip = torch.randint(2, (number,)) * 2 - 1
        cos, sin, zero = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.zeros(number)
        matrix = torch.stack([torch.stack([flip * cos, -sin, zero], 1), torch.stack([flip * sin, cos, zero], 1)], 1)
        grid = nn.functional.affine_grid(matrix, (number, 1, side, side), align_corners=False)
        cropped = nn.functional.grid_sample(batch, grid, align_corners=False)
        mean = cropped.mean(dim=(1, 2, 3), keepdim=True)
        return (cropped - mean) * torch.empty(number, 1, 1, 1).uniform_(0.98, 1.02) + mean


def new_model():
    layers, channels = [View()], 1
    for filters in sizes["filters"]:
        layers += [nn.Conv2d(channels, filters, 3, padding="same"), nn.ReLU()]
        layers += [nn.Conv2d(filters, filters, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    features = channels * (side // 2 ** len(sizes["filters"])) ** 2
    layers += [nn.Flatten(), nn.Linear(features, sizes["dense_units"]), nn.Dropout(sizes["dropout"])]
    return patch_module(nn.Sequential(*layers, nn.Linear(sizes["dense_units"], 2), nn.Softmax(dim=1)))


def loss(rho, votes):
    return -(votes * torch.log(rho.clamp_min(1e-7))).sum(dim=1).mean()


def wrapped(model, galaxies, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=training["learning_rate"])
    batches = -(-galaxies // training["batch_size"])
    options = {"batch_size": training["batch_size"], "epoch": max(1, round(steps / batches)), "workers": 0}
    return ModelWrapper(model, TrainingArgs(optimizer, criterion=loss, use_cuda=False, **options))


def tensors(rows):
    votes = np.stack([survey.k, survey.n - survey.k], 1)[rows].astype(np.float32)
    return torch.utils.data.TensorDataset(torch.from_numpy(survey.images[rows, None]), torch.from_numpy(votes))


galaxies = np.concatenate([survey.initial, survey.pool])
labelled = np.arange(len(galaxies)) < len(survey.initial)
start = new_model()
wrapped(start, len(survey.initial), training["first_steps"]).train_on_dataset(tensors(survey.initial))
with open(f"baal_{seed}.csv", "w", newline="") as file:
    results = csv.writer(file)
    for strategy in config["strategies"]:
        active = ActiveLearningDataset(tensors(galaxies), labelled)
        model = new_model()
        model.load_state_dict(start.state_dict())
        heuristic = heuristics.BALD() if strategy == "bald" else heuristics.Random()
        for iteration in range(config["iterations"] + 1):
            wrapper = wrapped(model, len(active), training["steps"])
            if iteration:
                options = {"iterations": views, "verbose": False}
                ActiveLearningLoop(active, wrapper.predict_on_dataset, heuristic, config["acquire"], **options).step()
                wrapper = wrapped(model, len(active), training["steps"])
                wrapper.train_on_dataset(active)
            rho = wrapper.predict_on_dataset(tensors(survey.test), views, verbose=False)[:, 0].mean(axis=-1)
            rmse = np.sqrt(np.mean((rho - (survey.k / survey.n)[survey.test]) ** 2))
            results.writerow([strategy, iteration, len(active), rmse])
