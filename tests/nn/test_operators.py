"""Operators that ONNX lacks: the form for tracing agrees with the form for ordinary execution."""

import pytest
import torch

from redcore.nn import _operators, count_at_most, inverse, map_steps, normal_quantile, unique_patterns


@pytest.fixture
def both_forms(monkeypatch):
    """Return a function that evaluates a call in both forms."""

    def evaluate(function):
        ordinary = function()
        with monkeypatch.context() as patch:
            patch.setattr(_operators, "is_traced", lambda: True)
            return ordinary, function()

    return evaluate


def test_normal_quantile(both_forms):
    levels = torch.linspace(1e-10, 1 - 1e-10, 10_001, dtype=torch.float64)
    ordinary, traced = both_forms(lambda: normal_quantile(levels))
    torch.testing.assert_close(traced, ordinary, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("n_marks", [1, 2, 3, 8, 255, 256, 257])
def test_count_at_most(both_forms, n_marks):
    generator = torch.Generator().manual_seed(0)
    # many ties, and values outside the marks
    marks = torch.randint(n_marks, (3, n_marks), generator=generator).double().sort(dim=1).values
    values = torch.randint(-2, n_marks + 2, (3, 500), generator=generator).double()
    ordinary, traced = both_forms(lambda: count_at_most(marks, values))
    assert torch.equal(traced, ordinary)
    assert torch.equal(ordinary, (marks[:, :, None] <= values[:, None]).sum(dim=1))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_inverse(both_forms, size):
    roots = torch.randn((5, size, size), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrices = torch.eye(size, dtype=torch.float64) + roots @ roots.transpose(1, 2)
    ordinary, traced = both_forms(lambda: inverse(matrices))
    torch.testing.assert_close(traced, ordinary, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(ordinary @ matrices, torch.eye(size).double().expand(5, -1, -1), rtol=0, atol=1e-10)


def test_unique_patterns(both_forms):
    availability = torch.tensor([[True, False], [False, True], [True, False]])
    (patterns, pattern_of), (every_sample, index) = both_forms(lambda: unique_patterns(availability))
    assert patterns.shape == (2, 2)
    assert torch.equal(patterns[pattern_of], availability)
    assert every_sample is availability
    assert index is None


def test_map_steps_leaves_the_padding_zero(both_forms):
    values, lengths = torch.ones((2, 3, 4)), torch.tensor([1, 3])
    for mapped in both_forms(lambda: map_steps(lambda rows: rows[:, :2] + 1, values, lengths)):
        assert torch.equal(mapped, torch.tensor([[2.0, 0, 0], [2, 2, 2]])[..., None].expand(-1, -1, 2))
