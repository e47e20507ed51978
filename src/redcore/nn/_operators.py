"""Operators that are missing in ONNX opset 17, each with a form for ordinary execution and a form for tracing.

Modules that are exported call these functions. Nothing else in the prediction exists in two forms.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from redcore.nn._pooling import step_mask
from redcore.nn._tracing import is_traced

__all__ = ["count_at_most", "inverse", "map_steps", "normal_quantile", "softplus", "solve_positive", "unique_patterns"]

MAX_BITS = 62
"""Largest number of modalities whose missing patterns are numbered by one integer."""

# rational approximations of the normal quantile: Wichura (1988), algorithm AS 241, relative error about 1e-16
_CENTRE = (
    (3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip


def normal_quantile(level: Tensor) -> Tensor:
    """Return the standard normal quantile of double-precision levels in [1e-10, 1 - 1e-10]."""
    if not is_traced():
        quantile: Tensor = torch.special.ndtri(level)
        return quantile
    offset = level - 0.5
    centre = offset * _ratio(_CENTRE, 0.180625 - offset.square())
    tail = _ratio(_TAIL, (-torch.minimum(level, 1 - level).log()).sqrt() - 1.6)
    return torch.where(offset.abs() <= 0.425, centre, torch.where(offset < 0, -tail, tail))


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], value: Tensor) -> Tensor:
    """Evaluate the quotient of two polynomials, given by their coefficients from the constant upwards."""
    numerator, denominator = (torch.zeros_like(value) for _ in range(2))
    for above, below in zip(reversed(polynomials[0]), reversed(polynomials[1]), strict=True):
        numerator, denominator = numerator * value + above, denominator * value + below
    return numerator / denominator


def softplus(values: Tensor) -> Tensor:
    """Return ``log(1 + exp(x))``."""
    if not is_traced():
        return functional.softplus(values)
    return values.clamp(min=0) + (-values.abs()).exp().log1p()


def count_at_most(marks: Tensor, values: Tensor) -> Tensor:
    """Count the marks that are less than or equal to each value.

    Parameters
    ----------
    marks : tensor (n_features, n_marks)
        Ascending in each row.
    values : tensor (n_features, n)

    Returns
    -------
    int64 tensor (n_features, n)
        In [0, n_marks]; for a value that equals a mark, the index of the last such mark plus 1.
    """
    if not is_traced():
        return torch.searchsorted(marks, values, right=True)
    # bisection: the count is built from its highest binary digit down
    n_marks = marks.shape[1]
    count = torch.zeros_like(values, dtype=torch.int64)
    for digit in reversed(range(int(n_marks).bit_length())):
        candidate = count + 2**digit
        mark = marks.gather(1, candidate.clamp(max=n_marks) - 1)
        count = torch.where((mark <= values) & (candidate <= n_marks), candidate, count)
    return count


def inverse(matrices: Tensor) -> Tensor:
    """Invert symmetric positive definite matrices (..., q, q)."""
    if not is_traced():
        inverted: Tensor = torch.linalg.inv(matrices)
        return inverted
    # sweep operator (Goodnight 1979)
    size = matrices.shape[-1]
    unit = torch.eye(size, dtype=matrices.dtype)
    for index in range(size):
        column = matrices[..., index : index + 1]
        pivot = matrices[..., index : index + 1, index : index + 1]
        shifted = column - unit[:, index : index + 1]
        swept = matrices - shifted * shifted.transpose(-1, -2) / pivot
        matrices = swept - 2 * unit[:, index : index + 1] * unit[index]
    return -matrices


def solve_positive(matrices: Tensor, right: Tensor) -> Tensor:
    """Solve ``matrices @ x = right`` for symmetric positive definite matrices (..., q, q) and `right` (..., q, k)."""
    if is_traced():
        return inverse(matrices) @ right
    solution: Tensor = torch.linalg.solve(matrices, right)
    return solution


def unique_patterns(availability: Tensor) -> tuple[Tensor, Tensor | None]:
    """Group samples by missing pattern, so that a quantity of the pattern is computed once per group.

    Parameters
    ----------
    availability : bool tensor (n_samples, n_modalities)

    Returns
    -------
    patterns : bool tensor (n_patterns, n_modalities)
    pattern_of : int64 tensor (n_samples,) or None
        Row of `patterns` of each sample. None if the rows of `patterns` are those of `availability`, which is the case
        for one sample and while a graph is traced.
    """
    if is_traced() or availability.shape[0] == 1:
        return availability, None
    n_modalities = availability.shape[1]
    if n_modalities > MAX_BITS:
        patterns, pattern_of = torch.unique(availability, dim=0, return_inverse=True)
        return patterns, pattern_of
    # numbers are sorted far faster than rows
    bits = torch.arange(n_modalities, device=availability.device)
    numbers, pattern_of = torch.unique((availability.long() << bits).sum(dim=1), return_inverse=True)
    return (numbers[:, None] >> bits & 1).bool(), pattern_of


def map_steps(function: Callable[[Tensor], Tensor], values: Tensor, lengths: Tensor | None) -> Tensor:
    """Apply a function of feature rows to vectors, or to the real time steps of padded sequences.

    Parameters
    ----------
    function : callable
        Maps (n_rows, n_features) to (n_rows, n_outputs), row by row.
    values : tensor (n, n_features) or (n, time, n_features)
    lengths : int64 tensor (n,) or None
        Lengths of sequences; None for vectors.

    Returns
    -------
    tensor (n, n_outputs) or (n, time, n_outputs)
        Zeros in the padding.
    """
    if lengths is None:
        return function(values)
    real = step_mask(lengths, values.shape[1])
    if is_traced():
        mapped = function(values.flatten(0, 1)).view(values.shape[0], values.shape[1], -1)
        return torch.where(real[..., None], mapped, 0.0)
    steps = function(values[real])
    padded = steps.new_zeros((*values.shape[:2], steps.shape[1]))
    padded[real] = steps
    return padded
