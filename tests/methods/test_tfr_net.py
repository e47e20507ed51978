"""TFR-Net: reconstruction, attention to observed modalities only, and rejected settings."""

import numpy as np
import pytest
import torch

from factories import tiny
from redcore.data import MultimodalData, Target
from redcore.exceptions import SettingsError
from redcore.methods import make_method
from redcore.methods.tfr_net import CrossModalBlock, TFRNetSettings


@pytest.fixture
def block():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CrossModalBlock(TFRNetSettings(latent_dim=8, attention_heads=2)).eval()


def test_hidden_modalities_are_reconstructed(incomplete_digits):
    steps = make_method("tfr_net", settings={"max_epochs": 15}).fit(incomplete_digits[0], seed=0).history.steps
    # in a small last batch of an epoch, modality dropout can hide no modality
    assert np.mean(steps["loss/reconstruction"]) > 0.1


def test_no_reconstruction_loss_without_modality_dropout():
    data = MultimodalData.from_arrays(
        {"a": np.random.default_rng(0).normal(size=(30, 3)), "b": np.ones((30, 2))}, Target.from_labels([0, 1] * 15)
    )
    model = make_method("tfr_net", settings=tiny("tfr_net", modality_dropout=0.0)).fit(data)
    assert not any(model.history.steps["loss/reconstruction"])


def test_attention_is_restricted_to_the_other_observed_modalities(block):
    kept = torch.tensor([[True, True, False]])
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, 3, 8, generator=rng).requires_grad_()
    for query in range(3):
        # the query also depends on the token itself, which is excluded below
        block.zero_grad()
        tokens.grad = None
        block.attend(tokens, kept)[0, query].square().sum().backward()
        attended = [k for k in range(3) if k != query and tokens.grad[0, k].abs().sum() > 0]
        assert attended == [k for k in range(3) if k != query and kept[0, k]]


def test_a_single_token_attends_to_nothing(block):
    alone = block.attend(torch.randn(2, 1, 8), torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(alone, block.project_out.bias.expand_as(alone))


def test_attention_heads_must_divide_the_width():
    with pytest.raises(SettingsError, match="latent_dim 6 is not a multiple of attention_heads 4"):
        make_method("tfr_net", settings={"latent_dim": 6, "encoder_heads": 2})
