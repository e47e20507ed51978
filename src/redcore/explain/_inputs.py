"""Type checks of the arguments of explanations."""

from redcore.data import MultimodalData
from redcore.exceptions import DataError
from redcore.methods import Method

__all__ = ["check_inputs"]


def check_inputs(method: object, *data: object) -> None:
    """Check the types of a method and of data, each of which may be None; errors name the conversion.

    Raises
    ------
    TypeError
        If `method` is, for example, an estimator.
    DataError
        If data is, for example, a mapping of arrays.
    """
    if not isinstance(method, Method):
        hint = "; pass its attribute method_" if hasattr(method, "method_") else ""
        raise TypeError(f"expected a fitted method, got {type(method).__name__}{hint}")
    for one in data:
        if one is not None and not isinstance(one, MultimodalData):
            raise DataError(
                f"expected MultimodalData, got {type(one).__name__}; convert it by redcore.estimators.as_data"
            )
