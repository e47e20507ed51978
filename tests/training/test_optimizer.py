"""AdamW without the import of PyTorch's compiler has the steps of PyTorch's AdamW."""

import subprocess
import sys

import torch
from torch import nn

from redcore.fitting._optimizer import build_optimizer
from redcore.fitting._settings import TrainingSettings

CODE = """
import sys
from torch import nn
from redcore.fitting._optimizer import build_optimizer
from redcore.fitting._settings import TrainingSettings
layer = nn.Linear(2, 1)
optimizer = build_optimizer(layer.parameters(), TrainingSettings())
layer(layer.weight).sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def trained(make, n_steps):
    """Return the weights of a layer after some steps, and the optimiser."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 3)
    optimizer = make(layer.parameters())
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(n_steps):
        optimizer.zero_grad()
        layer(torch.randn(7, 5)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    return layer.weight.detach(), optimizer


def test_steps_are_bit_equal_and_states_are_interchangeable():
    settings = TrainingSettings(learning_rate=0.01, weight_decay=0.1)
    own, optimizer = trained(lambda parameters: build_optimizer(parameters, settings), 5)
    expected, other = trained(lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True), 5)
    assert torch.equal(own, expected)
    other.load_state_dict(optimizer.state_dict())
    optimizer.load_state_dict(other.state_dict())
    for mine, theirs in zip(optimizer.state.values(), other.state.values(), strict=True):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_the_compiler_is_not_imported():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
