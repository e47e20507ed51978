"""The preset `aaai2024` reproduces values computed with the authors' code.

The file is `redcore_reference.npz` beside this test, or the one that the environment variable REDCORE_GOLDEN names.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from redcore.data import Target
from redcore.fitting import Stepper
from redcore.fitting._stepper import flat, loss_names
from redcore.methods.redcore_released import ReleasedNetwork as RedCoreNetwork
from redcore.methods.redcore_released import ReleasedSettings as RedCoreSettings
from redcore.nn import Batch, ModalityForm, Objective, ObservedTensor
from redcore.presets import aaai2024

PATH = Path(os.environ.get("REDCORE_GOLDEN") or Path(__file__).with_name("redcore_reference.npz"))
RELATIVE, ABSOLUTE = 1e-4, 1e-6

# our modality names, sorted, and the letters of the file
LETTER = {"audio": "a", "text": "l", "video": "v"}
NAMES = sorted(LETTER)
IMPUTER = {"audio": ("vl2a", "vl"), "text": ("av2l", "av"), "video": ("al2v", "al")}
JOINT_ORDER = "alv"
AVAILABLE_ORDER = "avl"


@pytest.fixture(scope="module")
def golden():
    with np.load(PATH, allow_pickle=False) as file:
        return dict(file)


def numbers(config: str, key: str) -> list[float]:
    """Read the number or the comma-separated list after ``key=``."""
    found = re.search(rf"(?<!\w){key}=\(?([-+.\deE]+(?:,\s*[-+.\deE]+)*)", config)
    assert found, f"{key} is not in the golden configuration"
    return [float(number) for number in found[1].split(",")]


def settings_of(config: str) -> RedCoreSettings:
    growth_interval = re.search(r"every (\d+) steps", config)
    assert growth_interval
    beta1, beta2 = numbers(config, "adam_betas")
    (learning_rate,) = numbers(config, "lr")
    sizes = {
        "latent_dim": int(numbers(config, "embd")[0]),
        "encoder_heads": int(numbers(config, "heads")[0]),
        "encoder_layers": int(numbers(config, "layers")[0]),
        "imputer_layers": [int(size) for size in numbers(config, "ae")],
        "imputer_blocks": int(numbers(config, "n_blocks")[0]),
        "head_layers": [int(size) for size in numbers(config, "cls")],
        "learning_rate": learning_rate,
        "adam_beta1": beta1,
        "adam_beta2": beta2,
        "adam_epsilon": numbers(config, "eps")[0],
        "weight_interval": int(numbers(config, "ii")[0]),
        "weight_step": numbers(config, "eta0")[0],
        "weight_step_growth": numbers(config, "eta_growth")[0],
        "weight_step_growth_interval": int(growth_interval[1]),
        "imputation_weight": numbers(config, "rec_weight")[0],
        "kl_weight": numbers(config, "kl_weight")[0],
        "smoothing": numbers(config, "ema")[0],
        "gradient_clip": numbers(config, "clip")[0],
        "schedule": "constant",
    }
    noise_off = {"bottleneck_noise": False, "attention_dropout": 0, "encoder_dropout": 0, "head_dropout": 0}
    return RedCoreSettings.parse({**aaai2024.SETTINGS, **sizes, **noise_off})


def permuted(weight: np.ndarray, read: str, order: str, width: int, axes: tuple[int, ...]) -> np.ndarray:
    """Reorder blocks of `width` along `axes` from the file's order of modalities to ours."""
    index = np.concatenate([np.arange(width) + read.index(letter) * width for letter in order])
    for axis in axes:
        weight = np.take(weight, index, axis=axis)
    return weight


class Reference:
    """The file's parameters, by the names of our network."""

    def __init__(self, golden, settings: RedCoreSettings) -> None:
        self.golden, self.settings = golden, settings
        self.state: dict[str, np.ndarray] = {}
        for index, name in enumerate(NAMES):
            self.encoder(f"param/{LETTER[name].upper()}/", f"encoders.encoders.{index}.")
            self.copy(f"param/{LETTER[name].upper()}/muvar", f"bottleneck[{index}].project")
            self.head(f"param/Cls_{LETTER[name]}/", f"unimodal_heads[{index}].")
            self.imputer(name, f"imputers.stacked[{index}].")
        self.head("param/Cls/", "joint_head.")
        ours = "".join(LETTER[name] for name in NAMES)
        first = "joint_head.hidden.0.weight" if settings.head_layers else "joint_head.output.weight"
        self.state[first] = permuted(self.state[first], JOINT_ORDER, ours, settings.latent_dim, (1,))

    def stacked(self) -> dict[str, torch.Tensor]:
        """Return the state as our network holds it: what is named ``part[m].rest`` stacked over m."""
        found: dict[str, list[np.ndarray]] = {}
        for name in sorted(self.state):
            found.setdefault(re.sub(r"\[\d\]", "", name), []).append(self.state[name])
        return {
            name: torch.from_numpy(arrays[0] if len(arrays) == 1 else np.stack(arrays))
            for name, arrays in found.items()
        }

    def copy(self, source: str, target: str) -> None:
        for kind in ("weight", "bias"):
            self.state[f"{target}.{kind}"] = self.golden[f"{source}.{kind}"]

    def encoder(self, source: str, target: str) -> None:
        self.copy(f"{source}proj", f"{target}project")
        for layer in range(self.settings.encoder_layers):
            theirs, ours = f"{source}resblocks.{layer}.", f"{target}blocks.{layer}."
            for kind in ("weight", "bias"):
                self.state[f"{ours}project_in.{kind}"] = self.golden[f"{theirs}attn.in_proj_{kind}"]
            for their, our in {
                "attn.out_proj": "project_out",
                "ln_1": "norm_before_attention",
                "ln_12": "norm_after_attention",
                "ln_2": "norm_before_mlp",
                "ln_22": "norm_after_mlp",
                "mlp.c_fc": "widen",
                "mlp.c_proj": "narrow",
            }.items():
                self.copy(theirs + their, ours + our)

    def head(self, source: str, target: str) -> None:
        linears = sorted({int(key.split(".")[1]) for key in self.golden if key.startswith(f"{source}module.")})
        assert len(linears) == len(self.settings.head_layers)
        for index, theirs in enumerate(linears):
            self.copy(f"{source}module.{theirs}", f"{target}hidden.{3 * index}")
        self.copy(f"{source}fc_out", f"{target}output")

    def imputer(self, name: str, target: str) -> None:
        suffix, read = IMPUTER[name]
        source, width = f"param/xenc_{suffix}/", self.settings.latent_dim
        order = "".join(LETTER[other] for other in NAMES if other != name)
        n_layers = len(self.settings.imputer_layers)
        for block in range(self.settings.imputer_blocks):
            for layer in range(n_layers):
                self.copy(f"{source}encoder_{block}.{2 * layer}", f"{target}blocks.{block}.{2 * layer}")
                up = 2 * n_layers - 1 + 2 * layer
                self.copy(f"{source}decoder_{block}.{2 * layer}", f"{target}blocks.{block}.{up}")
            first, last = f"{target}blocks.{block}.0.weight", f"{target}blocks.{block}.{up}"
            self.state[first] = permuted(self.state[first], read, order, width, (1,))
            for kind in ("weight", "bias"):
                self.state[f"{last}.{kind}"] = permuted(self.state[f"{last}.{kind}"], read, order, width, (0,))
        self.copy(f"{source}transition.0", f"{target}transition.0")
        self.copy(f"{source}transition.2", f"{target}transition.2")
        first = f"{target}transition.0.weight"
        self.state[first] = permuted(self.state[first], read, order, width, (1,))


def batch_of(golden, step: int) -> Batch:
    available = torch.from_numpy(golden["input/available_avl"][step].astype(bool))
    columns = [AVAILABLE_ORDER.index(LETTER[name]) for name in NAMES]
    parts = []
    for name, column in zip(NAMES, columns, strict=True):
        rows = torch.nonzero(available[:, column])[:, 0]
        values = torch.from_numpy(golden[f"input/x_{LETTER[name]}"][step])[rows]
        parts.append(ObservedTensor(rows, values, torch.full((len(rows),), values.shape[1])))
    return Batch(tuple(parts), available[:, columns], torch.from_numpy(golden["input/label"][step]))


def agree(ours, theirs, what: str) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE, err_msg=what)


def test_preset_reproduces_the_authors_code(golden):
    config = str(golden["config"][0])
    settings = settings_of(config)
    n_classes = golden["trace/logits"].shape[2]
    forms = [ModalityForm(name, golden[f"input/x_{LETTER[name]}"].shape[3], 1) for name in NAMES]
    network = RedCoreNetwork(forms, n_classes, settings)
    reference = Reference(golden, settings)
    missing, unexpected = network.load_state_dict(reference.stacked(), strict=False)
    assert not unexpected
    assert all(name.startswith("rule.") for name in missing)
    objective = Objective.fit(Target.from_labels(golden["input/label"].ravel(), range(n_classes)))
    stepper = Stepper(network, objective, settings)
    network.train()
    trace = {key[6:]: value for key, value in golden.items() if key.startswith("trace/")}
    for step in range(len(trace["loss_total"])):
        batch = batch_of(golden, step)
        with torch.no_grad():
            agree(network(batch).logits, trace["logits"][step], f"logits of step {step}")
        tensors = stepper.step(batch, step)
        losses = dict(zip(loss_names(tensors, NAMES), flat(tensors).tolist(), strict=True))
        pairs = {"loss": "loss_total", "loss/joint": "loss_ce", "loss/kl": "loss_kl"}
        for name, letter in LETTER.items():
            pairs |= {f"loss/unimodal/{name}": f"loss_ce_{letter}", f"running_loss/{name}": f"ema_{letter}"}
            if batch.availability[:, NAMES.index(name)].any():
                pairs[f"imputation_loss/{name}"] = f"rec_{letter}"
        for ours, theirs in pairs.items():
            agree(losses[ours], trace[theirs][step], f"{theirs} of step {step}")
        weights = [losses[f"supervision_weight/{name}"] for name in ("audio", "video", "text")]
        agree(weights, trace["supervision_weight"][step], f"supervision weights of step {step}")
    check_final_norms(golden, network)


def check_final_norms(golden, network: RedCoreNetwork) -> None:
    letters = [LETTER[name] for name in NAMES]
    labels = [letter.upper() for letter in letters] + [f"xenc_{IMPUTER[name][0]}" for name in NAMES]
    labels += ["Cls", *(f"Cls_{letter}" for letter in letters)]
    for name, part in zip(labels, network.subnetworks(), strict=True):
        norm = sum(parameter.detach()[index].double().square().sum() for parameter, index in part) ** 0.5
        agree(float(norm), float(golden[f"final_norm/{name}"]), f"final norm of {name}")
