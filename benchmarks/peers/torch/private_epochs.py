"""Lab 02's training by Opacus, an epoch at a time."""

import numpy as np
import torch
from opacus import PrivacyEngine
from private_step import PACKAGES, TorchNetwork  # noqa: F401 - the former for serve.py


def contender(file, mode, batch, clip, noise, rate, delta, threads, seed):
    """Return a function that trains another epoch, and tells the accuracy and ε after it."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    with np.load(file) as arrays:
        x, x_test = (
            # Opacus's own advice for processors: channels last.
            torch.from_numpy(arrays[name].transpose(0, 3, 1, 2).copy()) for name in ("x", "x_test")
        )  # fmt: skip
        y, y_test = (torch.from_numpy(arrays[name].astype(np.int64)) for name in ("y", "y_test"))
    model = TorchNetwork().to(memory_format=torch.channels_last)
    loss = torch.nn.CrossEntropyLoss()
    data = torch.utils.data.TensorDataset(x, y)
    engine = PrivacyEngine()
    private = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), rate),
        data_loader=torch.utils.data.DataLoader(data, batch_size=batch),
        noise_multiplier=noise,
        max_grad_norm=clip,
        poisson_sampling=True,
        grad_sample_mode=mode,
        **({"criterion": loss} if mode == "ghost" else {}),
    )
    model, optimizer, batches = private[0], private[1], private[-1]
    if mode == "ghost":
        loss = private[2]

    def epoch():
        model.train()
        for images, labels in batches:
            images = images.to(memory_format=torch.channels_last)
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = model(x_test).argmax(1) == y_test
        return {"accuracy": right.float().mean().item(), "epsilon": engine.get_epsilon(delta)}

    return epoch
