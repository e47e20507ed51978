"""Set-ups of `speed.py` and `processes.py`: RedCore on two kinds of data, and baselines for its speed."""

TIMES = {"audio": (50, 130), "text": (22, 1024), "video": (50, 342)}
"""Number of time steps and features of the IEMOCAP modalities in the released code."""
BATCH, N_CLASSES = 128, 4


class IemocapSetup:
    """Preset `aaai2024` and the reimplemented released code, on one batch with the sizes of IEMOCAP.

    Parameters
    ----------
    rate : float
        Missing rate of every modality, in [0, 1].
    ragged : bool
        If True, sequence lengths vary; if False, all sequences have full length.
    noise : bool
        If False, dropout and bottleneck noise are off.
    precision : str
        Precision of RedCore, as in Lightning Fabric.
    """

    def __init__(self, rate: float, ragged: bool, noise: bool = True, precision: str = "32-true") -> None:
        import numpy as np
        import reference_style
        import torch

        from redcore.data import MultimodalData, Target
        from redcore.fitting import Stepper
        from redcore.methods.redcore_released import ReleasedNetwork as RedCoreNetwork
        from redcore.methods.redcore_released import ReleasedSettings as RedCoreSettings
        from redcore.nn import ModalityForm, Objective
        from redcore.presets import aaai2024

        rng = np.random.default_rng(0)
        arrays = {}
        for name, (steps, width) in TIMES.items():
            lengths = rng.integers(steps // 5, steps + 1, size=BATCH) if ragged else np.full(BATCH, steps)
            arrays[name] = [rng.normal(size=(length, width)).astype(np.float32) for length in lengths]
        availability = rng.random((BATCH, len(TIMES))) >= rate
        availability[~availability.any(axis=1), 0] = True
        target = Target.from_labels(rng.integers(0, N_CLASSES, BATCH), range(N_CLASSES))
        self.data = MultimodalData.from_arrays(arrays, target, availability=availability)
        no_dropout = {} if noise else dict.fromkeys(("attention_dropout", "encoder_dropout", "head_dropout"), 0.0)
        settings = RedCoreSettings.parse(
            {**aaai2024.SETTINGS, **no_dropout, "bottleneck_noise": noise, "precision": precision}
        )
        forms = [ModalityForm(name, TIMES[name][1], TIMES[name][0]) for name in sorted(TIMES)]
        torch.manual_seed(0)
        self.network = RedCoreNetwork(forms, N_CLASSES, settings)
        self.network.train()
        self.objective = Objective.fit(target)
        self.stepper = Stepper(self.network, self.objective, settings)
        self.batch = self.stepper.batch(self.data, self.objective.encode(target), np.arange(BATCH))
        self.reference = reference_style.ReferenceStyle(forms, N_CLASSES, settings)
        reference_style.copy_weights(self.reference, self.network)
        self.reference.train()
        self.optimizer = torch.optim.Adam(self.reference.parameters(), lr=settings.learning_rate, fused=True)
        self.dense = reference_style.dense(self.batch, [TIMES[name][0] for name in sorted(TIMES)])
        self.reference_step = reference_style.step

    def redcore_step(self) -> object:
        return self.stepper.step(self.batch, 1)

    def baseline_step(self) -> object:
        return self.reference_step(self.reference, self.optimizer, self.dense, self.batch, 1)

    def flops(self) -> int:
        """Return the number of floating-point operations in the matrix products of one RedCore step."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.redcore_step()
        return counter.get_total_flops()


def vectors(n_samples: int, n_modalities: int, n_features: int, n_classes: int = 10):
    """Return data with vector modalities. Their missing rates are 0.2, 0.5, 0.8, 0.5, repeated."""
    import numpy as np

    from redcore.data import MultimodalData, Target

    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, n_samples)
    names = [f"m{k:02d}" for k in range(n_modalities)]
    centres = rng.normal(size=(n_modalities, n_classes, n_features)) * 0.3
    values = {
        name: (rng.standard_normal((n_samples, n_features), dtype=np.float32) + centres[k][codes]).astype(np.float32)
        for k, name in enumerate(names)
    }
    rates = np.resize([0.2, 0.5, 0.8, 0.5], n_modalities)
    availability = rng.random((n_samples, n_modalities)) >= rates
    availability[~availability.any(axis=1), 0] = True
    return MultimodalData.from_arrays(values, Target.from_labels(codes, range(n_classes)), availability=availability)


class PlainMLP:
    """MLP in plain PyTorch with about `n_parameters` parameters; its input is the zero-filled modality vectors."""

    def __init__(self, data, n_parameters: int) -> None:
        import numpy as np
        import torch
        from torch import nn

        dense = [np.zeros((data.n_samples, modality.n_features), np.float32) for modality in data.modalities.values()]
        for array, modality in zip(dense, data.modalities.values(), strict=True):
            array[modality.position >= 0] = modality.values[modality.position[modality.position >= 0]]
        self.values = torch.from_numpy(np.concatenate(dense, axis=1))
        self.target = torch.from_numpy(data.target.values)
        fan_in, fan_out = self.values.shape[1], data.target.n_outputs
        # solve width * (fan_in + fan_out) + width^2 = n_parameters
        width = int(((fan_in + fan_out) ** 2 / 4 + n_parameters) ** 0.5 - (fan_in + fan_out) / 2)
        self.network = nn.Sequential(
            nn.Linear(fan_in, width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(width, fan_out),
        )  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, fused=True)

    def step(self, rows) -> None:
        from torch.nn import functional

        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self.network(self.values[rows]), self.target[rows])
        loss.backward()
        self.optimizer.step()

    def loss(self, rows) -> float:
        import torch
        from torch.nn import functional

        self.network.eval()
        with torch.no_grad():
            value = float(functional.cross_entropy(self.network(self.values[rows]), self.target[rows]))
        self.network.train()
        return value


class DefaultSetup:
    """RedCore network with default settings (or `changes` of them) on vector data."""

    def __init__(self, data, batch_size: int = 256, **changes) -> None:
        import numpy as np
        import torch

        from redcore.fitting import Stepper
        from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
        from redcore.nn import ModalityForm, Objective

        torch.manual_seed(0)
        self.data, self.batch_size = data, batch_size
        forms = [ModalityForm(name, modality.n_features, 0) for name, modality in data.modalities.items()]
        self.objective = Objective.fit(data.target)
        self.network = RedCoreNetwork(forms, data.target.n_outputs, RedCoreSettings.parse(changes))
        self.network.train()
        self.stepper = Stepper(self.network, self.objective, self.network.settings)
        self.target = self.objective.encode(data.target)
        self.rng = np.random.default_rng(0)

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def rows(self):
        return self.rng.integers(0, self.data.n_samples, self.batch_size)

    def step(self) -> None:
        self.stepper.step(self.stepper.batch(self.data, self.target, self.rows()), 1)
