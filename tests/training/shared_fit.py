"""One process of a distributed fit for torchrun: ``shared_fit.py OUT [KILL_RANK STEP]``.

The checkpoint is written next to OUT.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from factories import make_arrays, make_target, tiny
from redcore.data import MultimodalData
from redcore.exceptions import ProcessLostError
from redcore.fitting import Callback, process_rank
from redcore.methods import make_method

SETTINGS = {
    "n_members": 2,
    "max_epochs": 3,
    "batch_size": 7,
    "modality_dropout": 0.0,
    "head_dropout": 0.0,
    "encoder_dropout": 0.0,
    "attention_dropout": 0.0,
    "bottleneck_noise": False,
    "checkpoint_seconds": 1000.0,
}


def data() -> MultimodalData:
    """Return samples of which few observe text, so that the share of a process often has no sample with text.

    A network is trained on 43 samples in batches of seven. The last batch has one sample, so some shares are empty.
    """
    availability = np.ones((50, 3), dtype=bool)
    availability[:, 0] = np.arange(50) % 9 == 0
    return MultimodalData.from_arrays(
        make_arrays(50, sequences=True), make_target("multiclass", 50), availability=availability
    )


class Killer(Callback):
    def __init__(self, step: int) -> None:
        self.last = step

    def on_step(self, step, values):
        if step == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def fit(out: Path, callbacks=()):
    model = make_method("redcore", settings=tiny("redcore", **SETTINGS))
    return model.fit(data(), seed=1, callbacks=callbacks, checkpoint=out.with_suffix(".checkpoint"))


def results(model):
    """Return the history of the first network and the predictions, by which fits are compared."""
    return {**model.history.to_arrays(), "predicted": model.predict(data())}


def main() -> int:
    out = Path(sys.argv[1])
    killed = [int(number) for number in sys.argv[2:]]
    callbacks = [Killer(killed[1])] if killed and killed[0] == process_rank() else []
    # torchrun sends this signal to the remaining processes after one is lost
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        model = fit(out, callbacks)
    except ProcessLostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    np.savez(out.with_suffix(f".{process_rank()}.npz"), **model.arrays(), **results(model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
