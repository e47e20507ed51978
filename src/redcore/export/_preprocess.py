"""Preprocessing of one modality as tensor operations that ONNX has; see `redcore.preprocessing.Preprocessor`."""

import math

import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.export._inputs import GivenModality
from redcore.nn import step_mask
from redcore.preprocessing import Preprocessor

__all__ = ["Preprocess", "over_time"]

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


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], value: Tensor) -> Tensor:
    above, below = (torch.zeros_like(value) for _ in range(2))
    for up, down in zip(reversed(polynomials[0]), reversed(polynomials[1]), strict=True):
        above, below = above * value + up, below * value + down
    return above / below


def normal_quantile(level: Tensor) -> Tensor:
    """Return the standard normal quantile of levels in [1e-10, 1 - 1e-10], double precision."""
    offset = level - 0.5
    centre = offset * _ratio(_CENTRE, 0.180625 - offset.square())
    tail = _ratio(_TAIL, (-torch.minimum(level, 1 - level).log()).sqrt() - 1.6)
    return torch.where(offset.abs() <= 0.425, centre, torch.where(offset < 0, -tail, tail))


class ToNormal(nn.Module):
    """Maps the empirical distribution of each feature to the standard normal one.

    Parameters
    ----------
    landmarks : array (n_landmarks, n_features)
    edge : float
        Least level.
    """

    marks: Tensor
    levels: Tensor

    def __init__(self, landmarks: AnyArray, edge: float) -> None:
        super().__init__()
        self.n_landmarks, self.n_features = landmarks.shape
        self.edge = edge
        self.register_buffer("marks", torch.tensor(landmarks, dtype=torch.float64).flatten())
        self.register_buffer("levels", torch.linspace(0, 1, self.n_landmarks, dtype=torch.float64))

    def _mark(self, place: Tensor) -> Tensor:
        """Return the landmark at a place of each feature, (..., n_features) to the same."""
        feature = torch.arange(self.n_features)
        return self.marks[place.clamp(0, self.n_landmarks - 1) * self.n_features + feature]

    def _count(self, values: Tensor, equal: bool) -> Tensor:
        """Return how many landmarks lie below each value (or at it), by bisection."""
        count = torch.zeros_like(values, dtype=torch.int64)
        step = 1 << (self.n_landmarks.bit_length() - 1)
        while step:
            further = count + step
            mark = self._mark(further - 1)
            below = (mark <= values) if equal else (mark < values)
            count = torch.where(below & (further <= self.n_landmarks), further, count)
            step >>= 1
        return count

    def _between(self, values: Tensor, lower: Tensor, exact: Tensor) -> Tensor:
        """Interpolate the level between landmarks `lower` and `lower + 1`; that of `exact` where the value is it."""
        start, end = self._mark(lower), self._mark(lower + 1)
        first, last = (self.levels[place.clamp(0, self.n_landmarks - 1)] for place in (lower, lower + 1))
        gap = torch.where(end > start, end - start, 1.0)
        level = first + (last - first) * (values - start) / gap
        at = self.levels[exact.clamp(0, self.n_landmarks - 1)]
        outside = (lower < 0) | (lower >= self.n_landmarks - 1)
        return torch.where(outside | (self._mark(exact) == values), at, level)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., n_features), double, to the same."""
        last_at = self._count(values, equal=True) - 1
        first_at = self._count(values, equal=False)
        # from both sides, so that a value that occurs often gets the middle of its levels
        rising = self._between(values, last_at, last_at)
        falling = self._between(values, first_at - 1, first_at)
        return normal_quantile(((rising + falling) / 2).clamp(self.edge, 1 - self.edge))


class Preprocess(nn.Module):
    """What `Preprocessor` does to one modality."""

    mean: Tensor
    scale: Tensor
    order: Tensor
    mapped: Tensor

    def __init__(self, preprocessor: Preprocessor, name: str) -> None:
        super().__init__()
        self.kind, self.clip = preprocessor.kinds[name], preprocessor.clip
        arrays = {what: array for key, array in preprocessor.arrays.items() for what in [_of(key, name)] if what}
        if "mean" in arrays:
            self.register_buffer("mean", torch.tensor(arrays["mean"], dtype=torch.float64))
            self.register_buffer("scale", torch.tensor(arrays["scale"], dtype=torch.float64))
        if "mapped" in arrays:
            order = torch.arange(len(arrays["mean"]))
            order[arrays["mapped"]] = len(order) + torch.arange(len(arrays["mapped"]))
            self.register_buffer("order", order)
            self.register_buffer("mapped", torch.tensor(arrays["mapped"], dtype=torch.int64))
        has_marks = "landmarks" in arrays and arrays["landmarks"].shape[1] > 0
        self.to_normal = ToNormal(arrays["landmarks"], preprocessor.edge) if has_marks else None

    def forward(self, values: Tensor) -> Tensor:
        """Map float32 (..., n_features) to the same."""
        wide = self._wide(values.double()) if self.kind != "identity" else values
        bounded = wide if math.isinf(self.clip) else wide.clamp(-self.clip, self.clip)
        return bounded.float()

    def _wide(self, values: Tensor) -> Tensor:
        if self.kind == "quantile":
            return values if self.to_normal is None else self._normal(values)
        unskewed = values.sign() * values.abs().log1p() if self.kind == "log1p" else values
        piece = (unskewed - self.mean) / self.scale
        if self.to_normal is None:
            return piece
        both = torch.cat([piece, self._normal(values.index_select(-1, self.mapped))], dim=-1)
        return both.index_select(-1, self.order)

    def _normal(self, values: Tensor) -> Tensor:
        assert self.to_normal is not None
        mapped: Tensor = self.to_normal(values)
        return mapped


def _of(key: str, name: str) -> str:
    """Return the part of a key before the modality, empty if it is of another one."""
    what, _, owner = key.partition("/")
    return what if owner == name else ""


def over_time(part: GivenModality) -> Tensor:
    """Return the vectors of a modality; of sequences mean, deviation, minimum and maximum of each feature over time."""
    if part.lengths is None:
        return part.values
    real = step_mask(part.lengths, part.values.shape[1])[..., None]
    wide, lengths = part.values.double(), part.lengths[:, None].double()
    mean = wide.sum(dim=1) / lengths
    deviation = torch.where(real, wide - mean[:, None], 0.0)
    spread = (deviation.square().sum(dim=1) / lengths).sqrt()
    least = torch.where(real, part.values, math.inf).amin(dim=1)
    largest = torch.where(real, part.values, -math.inf).amax(dim=1)
    return torch.cat([mean.float(), spread.float(), least, largest], dim=1)
