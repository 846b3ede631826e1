"""Search the settings of a training that has nothing to do with vision.

A small network learns which of three interleaved spirals a point is on. Wanted are a small error
and a short training, so the answer is a front, not one number. Run it twice: the second run finds
the study finished. Stop it with Ctrl-C and run it again: it goes on.

    python docs/examples/own_training.py --folder studies/spirals
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import automtl

EPOCHS = 9


def spirals(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``n`` noisy points, shape ``(n, 2)``, and the spiral of each."""
    generator = torch.Generator().manual_seed(seed)
    spiral = torch.randint(0, 3, (n,), generator=generator)
    turn = torch.rand(n, generator=generator)
    angle = 4 * turn + 2 * torch.pi / 3 * spiral
    points = turn[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return points + 0.03 * torch.randn(n, 2, generator=generator), spiral


def model(params: dict[str, Any]) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """Return the network and the optimizer that the parameters name."""
    widths = [2, *[params["width"]] * params["layers"]]
    layers: list[torch.nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [torch.nn.Linear(width_in, width_out), torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 3))
    if params["optimizer"] == "adam":
        return network, torch.optim.Adam(network.parameters(), lr=params["lr"])
    momentum = params["momentum"]  # exists with sgd only
    return network, torch.optim.SGD(network.parameters(), lr=params["lr"], momentum=momentum)


def train(params: dict[str, Any], report: automtl.TrialReport) -> None:
    """Train with ``params``; report error and seconds after each epoch."""
    torch.manual_seed(report.seed)
    points, spiral = spirals(3_000, seed=1)
    held_out, answer = spirals(1_000, seed=2)
    network, optimizer = model(params)

    # A trial that early stopping paused comes here again: take up what was saved.
    checkpoint = report.folder / "state.pt"
    first, train_s = 1, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        first, train_s = state["epoch"] + 1, state["train_s"]

    for epoch in range(first, EPOCHS + 1):
        began = time.perf_counter()
        for batch in torch.randperm(len(points)).split(params["batch_size"]):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(points[batch]), spiral[batch])
            loss.backward()
            optimizer.step()
        train_s += time.perf_counter() - began
        with torch.no_grad():
            error = (network(held_out).argmax(dim=1) != answer).float().mean()
        goes_on = report(epoch, {"error": error, "train_s": train_s})
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "epoch": epoch, "train_s": train_s}, checkpoint)
        if not goes_on:
            return


def study(folder: Path, trials: int) -> automtl.Study:
    """State the search."""
    return automtl.Study(
        folder,
        objectives=[
            automtl.Objective(metric="error", goal="minimize", reference=0.7),
            automtl.Objective(metric="train_s", goal="minimize", unit="s", reference=10),
        ],
        parameters={
            "layers": automtl.Int(1, 3),
            "width": automtl.Int(4, 64, log=True),
            "batch_size": automtl.Int(16, 256, log=True),
            "lr": automtl.Float(1e-3, 0.3, log=True),
            "optimizer": automtl.Categorical(["adam", "sgd"]),
            "momentum": automtl.Float(0, 0.95, when={"optimizer": "sgd"}),
        },
        epochs=EPOCHS,
        early_stopping=automtl.Promotion(eta=3),
        budget=automtl.Budget(trials=trials),
    )


def main() -> None:
    """Search, and print the front and a pick."""
    parser = argparse.ArgumentParser(description="A search over a training of one's own.")
    parser.add_argument("--folder", type=Path, default=Path("studies/spirals"))
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--dispatcher", choices=["ray", "local"], default="local")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = study(options.folder, options.trials)
    found.run(train, dispatcher=options.dispatcher)
    columns = ["error", "train_s", "layers", "width", "batch_size", "lr", "optimizer"]
    frame = found.frame()
    members = [record.number for record in found.front()]
    print(frame[frame["trial"].isin(members)][["trial", *columns]].to_string(index=False))
    print(f"Pick: trial {found.best('knee').number}. Report: {found.report()}")


if __name__ == "__main__":
    main()
