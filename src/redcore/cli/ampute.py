"""``redcore ampute``: hide modalities by a missing protocol, once and for ever, and write a store."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import Data, Json, Seed, parse_rates, parse_settings
from redcore.cli._signature import takes

if TYPE_CHECKING:
    from redcore.data import MultimodalData

__all__ = ["ampute"]

RATE_HELP = "MODALITY=RATE, or RATE for all. Repeatable."


@dataclass(frozen=True)
class AmputeOptions:
    """What ``redcore ampute`` is told."""

    data: Data
    out: Annotated[Path, typer.Option(help="Store to make; nothing is overwritten.")]
    protocol: Annotated[str, typer.Option(help="'redcore list protocols'.")] = "imbalanced"
    missing_rate: Annotated[list[str] | None, typer.Option(help=f"Of training samples: {RATE_HELP}")] = None
    validation_rate: Annotated[
        list[str] | None, typer.Option(help=f"Of validation samples: {RATE_HELP} Default: as in training.")
    ] = None
    test_rate: Annotated[
        list[str] | None, typer.Option(help=f"Of test samples: {RATE_HELP} Default: nothing is hidden.")
    ] = None
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, an option of the protocol. Repeatable.")] = None
    parts: Annotated[str, typer.Option(help="Parts to hide modalities in; others keep all they have.")] = (
        "train,validation,test"
    )
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Let samples lose all modalities.")] = False
    seed: Seed = 0
    as_json: Json = False

    def rates(self, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """Return the rates of every part."""
        train = parse_rates(self.missing_rate or [], names)
        validation = train if self.validation_rate is None else parse_rates(self.validation_rate, names)
        rates = {"train": train, "validation": validation, "test": parse_rates(self.test_rate or [], names)}
        chosen = self.chosen_parts()
        return {part: rates[part] for part in rates if part in chosen}

    def chosen_parts(self) -> list[str]:
        """Return the parts to hide modalities in."""
        from redcore._validation import check_known
        from redcore.data import SPLITS

        chosen = [part.strip() for part in self.parts.split(",")]
        check_known("part", chosen, SPLITS)
        return chosen


@takes(AmputeOptions)
def ampute(options: AmputeOptions) -> None:
    """Hide modalities of DATA by a missing protocol, and write a store in which they are missing for ever.

    Training, validation and test samples are drawn apart, each at its own rates. Without a split all count as training.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.data.store import write_store
    from redcore.runs import read_data

    source = read_data(options.data)
    with warnings_as_messages():
        holed, realised = _hidden(source, options)
        title = f"{options.data} with modalities hidden by protocol {options.protocol}, seed {options.seed}"
        origin = {"name": Path(options.data).name, "format": f"ampute {options.protocol}", "sha256": source.checksum()}
        write_store(holed, options.out, title=title, origin=origin)
    if options.as_json:
        print_json({"store": str(options.out), "n_samples": holed.n_samples, "realised_missing_rates": realised})
        return
    for part, rates in realised.items():
        typer.echo(f"{part}: missing " + ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items()))
    typer.echo(f"Written to {options.out}")


def _hidden(source: "MultimodalData", options: AmputeOptions) -> tuple["MultimodalData", dict[str, dict[str, float]]]:
    """Return the data with holes, and the realised missing rates by part."""
    import numpy as np

    from redcore.data import SPLITS
    from redcore.missing import ampute_parts

    split = np.zeros(source.n_samples, dtype=np.int64) if source.split is None else source.split
    rates = {SPLITS.index(part): rates for part, rates in options.rates(source.names).items()}
    # a stream of its own for every part: the rates of one do not move the holes of another
    rngs = {code: np.random.default_rng([options.seed, code]) for code in rates}
    given, keep_one = parse_settings(options.option or []), not options.allow_empty
    holed = ampute_parts(source, split, options.protocol, rates, rngs, options=given, at_least_one=keep_one)
    parts = [code for code in rates if (split == code).any()]
    return holed, {SPLITS[code]: holed.take(np.flatnonzero(split == code)).missing_rates for code in parts}
