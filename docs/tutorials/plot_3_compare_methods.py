"""
Comparing methods honestly
==========================

Run a small benchmark of three methods on the same splits and masks, and read the difference with its interval.
"""

# %%
# A benchmark is a TOML file, or a ``Spec`` in Python. All methods get the same splits and the same missing modalities.
# The test set is scored once, under every missing pattern. For files of your own, see :doc:`../benchmark`; without
# ``protocol``, the methods are compared with the missing modalities that the data has.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from redcore.benchmark import Spec, compare, read_records, run, summarise
from redcore.plot import DegradationDisplay

spec = Spec.checked(
    {
        "title": "Three methods on wine",
        "n_seeds": 5,
        "data": [{"name": "wine", "outer_split": "repeated"}],
        "protocol": [{"name": "imbalanced", "rates": [0.2, 0.5, 0.8]}],
        "method": [{"name": "stack"}, {"name": "indicator_linear"}, {"name": "boosting"}],
    }
)
folder = Path(tempfile.mkdtemp()) / "wine"
run(spec, folder)
records = read_records(folder)

# %%
# Log loss is a proper score: it rewards honest probabilities. The intervals are over runs, with a correction for the
# samples that the runs share.

for entry in summarise(records, score="proper"):
    print(f"{entry.method:18} {entry.mean:.3f} ({entry.low:.3f} to {entry.high:.3f}), {entry.n_seeds} runs")

# %%
# Differences are paired by run, so that the difficulty of a split cancels. Positive differences favour the method over
# ``stack``. If an interval contains 0, these runs do not show which of the two is better.

for difference in compare(records, base="stack", score="proper"):
    one = difference.overall
    print(f"{difference.method} compared with stack: {one.mean:+.3f} nats ({one.low:+.3f} to {one.high:+.3f})")

# %%
# How fast does each method lose its score as modalities disappear?

DegradationDisplay.from_records(records, score="argmax")
plt.show()
