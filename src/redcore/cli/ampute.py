"""``redcore ampute``: remove modalities with a missing protocol and write the result as a store."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import Data, Json, Seed, parse_rates, parse_settings, takes

if TYPE_CHECKING:
    from redcore.data import MultimodalData

__all__ = ["ampute"]

RATE_HELP = "as MODALITY=RATE, or RATE for all modalities. Repeatable."


@dataclass(frozen=True)
class AmputeOptions:
    """Arguments and options of ``redcore ampute``."""

    data: Data
    out: Annotated[Path, typer.Option(help="Store to create; it must not exist.")]
    protocol: Annotated[str, typer.Option(help="Missing protocol; see 'redcore list protocols'.")] = "imbalanced"
    missing_rate: Annotated[list[str] | None, typer.Option(help=f"Missing rate of the training split, {RATE_HELP}")] = (
        None
    )
    validation_rate: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Missing rate of the validation split, {RATE_HELP} Default: the rate of the training split."
        ),
    ] = None
    test_rate: Annotated[
        list[str] | None, typer.Option(help=f"Missing rate of the test split, {RATE_HELP} Default: 0.")
    ] = None
    option: Annotated[list[str] | None, typer.Option(help="Option of the protocol as KEY=VALUE. Repeatable.")] = None
    parts: Annotated[
        str, typer.Option(help="Splits to remove modalities from, separated by commas; others stay unchanged.")
    ] = "train,validation,test"
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Allow samples in which all modalities are missing.")
    ] = False
    seed: Seed = 0
    as_json: Json = False

    def rates(self, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """Return the missing rates per split and modality, for the splits in ``--parts``."""
        train = parse_rates(self.missing_rate or [], names)
        validation = train if self.validation_rate is None else parse_rates(self.validation_rate, names)
        rates = {"train": train, "validation": validation, "test": parse_rates(self.test_rate or [], names)}
        selected = self.selected_parts()
        return {part: rates[part] for part in rates if part in selected}

    def selected_parts(self) -> list[str]:
        """Return the names of the splits to remove modalities from."""
        from redcore._validation import check_known
        from redcore.data import SPLITS

        selected = [part.strip() for part in self.parts.split(",")]
        check_known("part", selected, SPLITS)
        return selected


@takes(AmputeOptions)
def ampute(options: AmputeOptions) -> None:
    """Remove modalities of DATA with a missing protocol and write the result as a store.

    The protocol is applied to the training, validation and test split separately, each with its own missing rates. If
    DATA has no splits, the rates of the training split apply to all samples.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.data.store import write_store
    from redcore.runs import read_data

    source = read_data(options.data)
    with warnings_as_messages():
        amputed, realised = _ampute(source, options)
        title = f"{options.data} with modalities removed by protocol {options.protocol}, seed {options.seed}"
        origin = {"name": Path(options.data).name, "format": f"ampute {options.protocol}", "sha256": source.checksum()}
        write_store(amputed, options.out, title=title, origin=origin)
    if options.as_json:
        print_json({"store": str(options.out), "n_samples": amputed.n_samples, "realised_missing_rates": realised})
        return
    for part, rates in realised.items():
        typer.echo(f"{part}: missing " + ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items()))
    typer.echo(f"Written to {options.out}")


def _ampute(source: "MultimodalData", options: AmputeOptions) -> tuple["MultimodalData", dict[str, dict[str, float]]]:
    """Return the data with modalities removed, and the realised missing rates per split and modality."""
    import numpy as np

    from redcore.data import SPLITS
    from redcore.missing import ampute_parts

    split = np.zeros(source.n_samples, dtype=np.int64) if source.split is None else source.split
    rates = {SPLITS.index(part): rates for part, rates in options.rates(source.names).items()}
    # one generator per split, so that the rates of one split do not change the mask of another
    rngs = {code: np.random.default_rng([options.seed, code]) for code in rates}
    protocol_options, keep_one = parse_settings(options.option or [], "--option", "key=value"), not options.allow_empty
    amputed = ampute_parts(
        source, split, options.protocol, rates, rngs, options=protocol_options, at_least_one=keep_one
    )
    parts = [code for code in rates if (split == code).any()]
    return amputed, {SPLITS[code]: amputed.take(np.flatnonzero(split == code)).missing_rates for code in parts}
