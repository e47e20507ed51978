"""Decision threshold of a run: a number, or chosen on the validation split."""

from dataclasses import dataclass
from typing import Self

from redcore.data import MultimodalData
from redcore.exceptions import DataError, SettingsError
from redcore.methods import Method
from redcore.metrics import choose_threshold, rare_class

__all__ = ["ThresholdRule"]

EXPECTED = "a number in [0, 1], 'f1' or 'cost=N' with a positive number N"


@dataclass(frozen=True)
class ThresholdRule:
    """Rule for the threshold of a binary target.

    Attributes
    ----------
    value : float or None
        Fixed threshold; None if it is chosen on validation samples.
    cost : float or None
        Cost of a missed sample of the rare class, in false alarms; None for the best F1.
    """

    value: float | None = None
    cost: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the option ``threshold`` of a run.

        Raises
        ------
        SettingsError
            If the text is not a rule.

        Examples
        --------
        >>> ThresholdRule.parse("cost=10").cost
        10.0
        """
        kind, equals, number = text.strip().partition("=")
        try:
            if kind == "f1" and not equals:
                return cls()
            if kind == "cost" and equals and 0 < float(number) < float("inf"):
                return cls(cost=float(number))
            if not equals and 0 <= float(kind) <= 1:
                return cls(value=float(kind))
        except ValueError:
            pass
        raise SettingsError(f"threshold {text!r}: expected {EXPECTED}")

    def apply(self, method: Method, validation: MultimodalData | None) -> None:
        """Set the threshold of a fitted method.

        Raises
        ------
        SettingsError
            If the target is not binary.
        DataError
            If the threshold is chosen and the validation split is absent or has one class only.
        """
        if self.value is not None:
            method.set_threshold(self.value)
            return
        method.set_threshold(0.5)  # rejects targets that are not binary
        target = None if validation is None else method.schema.align(validation).target
        rare = rare_class(method.prior)
        if validation is None or target is None or len(set(target.values.tolist())) < 2:
            raise DataError("threshold: the validation split needs samples of both classes; use a number instead")
        method.set_threshold(choose_threshold(target.values == rare, method.predict(validation)[:, rare], self.cost))
