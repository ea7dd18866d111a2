"""Lab 01's network and one step of it in PyTorch: plain SGD, and Opacus."""

import numpy as np
import torch
from opacus import PrivacyEngine

PACKAGES = ["torch", "opacus"]


class TorchNetwork(torch.nn.Module):
    """`padding="same"` of an even kernel pads 3 on each side here."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 16, 8, 2, padding=3)
        self.conv2 = torch.nn.Conv2d(16, 32, 4, 2)
        self.dense1 = torch.nn.Linear(512, 32)
        self.dense2 = torch.nn.Linear(32, 10)

    def forward(self, x):
        pool, tanh = torch.nn.functional.max_pool2d, torch.tanh
        x = pool(tanh(self.conv1(x)), 2, 1)
        x = pool(tanh(self.conv2(x)), 2, 1)
        return self.dense2(tanh(self.dense1(x.flatten(1))))


def contender(mode, batch, clip, noise, rate, threads):
    """Return a step; `mode` is "plain" or one of Opacus's ("hooks", "ghost", "functorch")."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((batch, 1, 28, 28), np.float32))
    y = torch.from_numpy(rng.integers(0, 10, batch))
    # Opacus's own advice for processors: channels last.
    x = x.to(memory_format=torch.channels_last)
    model = TorchNetwork().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    loss = torch.nn.CrossEntropyLoss()
    if mode != "plain":
        data = torch.utils.data.TensorDataset(torch.zeros(batch, 1), torch.zeros(batch))
        private = PrivacyEngine().make_private(
            module=model,
            optimizer=optimizer,
            data_loader=torch.utils.data.DataLoader(data, batch_size=batch),
            noise_multiplier=noise,
            max_grad_norm=clip,
            poisson_sampling=False,
            grad_sample_mode=mode,
            **({"criterion": loss} if mode == "ghost" else {}),
        )
        model, optimizer = private[:2]
        if mode == "ghost":
            loss = private[2]

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return step
