"""Benchmarks of public data sets on written samples, to try programs without the data."""

from collections.abc import Iterable
from pathlib import Path

from redcore.benchmark._result import Result
from redcore.benchmark._spec import Spec
from redcore.exceptions import RunError

__all__ = ["MARK", "is_sample", "sample_benchmark"]

MARK = " (sample)"
"""End of the name of a data set in tables and on pages if it is a written sample."""
SMALL = {"max_epochs": 1, "n_members": 1, "latent_dim": 8, "encoder_layers": 1, "encoder_heads": 2, "imputer_blocks": 1}
N_FOLDS = 2


def sample_benchmark(spec: Spec, folder: Path) -> Spec:
    """Write a sample of every data set of a benchmark, and return the benchmark of these samples.

    It has all protocols and methods, but one seed, at most two folds and tiny networks. The names of its data sets end
    in " (sample)", in every record and table.

    Parameters
    ----------
    spec : Spec
    folder : Path
        Folder of the samples, which is the data folder of the benchmark.

    Raises
    ------
    RunError
        If there is no sample of a data set.
    """
    from redcore.datasets._sample_files import SAMPLES, write_public_sample
    from redcore.methods import method_class  # imports torch, which reports do without

    for data in spec.data:
        if data.name not in SAMPLES:
            raise RunError(f"--sample: no sample of data set {data.name!r}; there are samples of {', '.join(SAMPLES)}")
    for data in spec.data:
        write_public_sample(data.name, folder / str(data.options.get("root", data.name)))
    samples = [
        data.model_copy(
            update={
                "label": data.title() + MARK,
                "n_folds": None if data.n_folds is None else min(data.n_folds, N_FOLDS),
            }
        )
        for data in spec.data
    ]
    known = {field for method in spec.method for field in method_class(method.name).Settings.model_fields}
    small = spec.shortened(1, {name: value for name, value in SMALL.items() if name in known})
    return small.model_copy(update={"data": tuple(samples), "title": f"Sample, not a result: {spec.title}"})


def is_sample(records: Iterable[Result]) -> bool:
    """Return True if records are of a written sample."""
    return any(record.data_title.endswith(MARK) for record in records)
