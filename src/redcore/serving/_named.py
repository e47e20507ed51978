"""Features by name: a vector or a time step of a request as an object ``{"age": 62, "sex": "f"}``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError

from redcore.exceptions import shortened

__all__ = ["MAX_NAMES", "by_name_or_position"]

MAX_NAMES = 20
"""Number of names that an error message lists."""


def by_name_or_position(
    values: Any, feature_names: Sequence[str], kinds: Sequence[Any], make: Callable[[Iterable[Any]], Any]
) -> Any:
    """Return the pydantic type of one vector that also accepts an object with one key per feature, in any order.

    Parameters
    ----------
    values : type
        Type of the vector by position.
    feature_names : sequence of str
        Names of the features, in the order of the list.
    kinds : sequence of types
        Type of each feature, for the OpenAPI document.
    make : {list, tuple}
        Python type that strict validation of `values` accepts.
    """
    schemas = {kind: TypeAdapter(kind).json_schema() for kind in set(kinds)}
    by_name = {
        "type": "object",
        "properties": {name: schemas[kind] for name, kind in zip(feature_names, kinds, strict=True)},
        "required": list(feature_names),
        "additionalProperties": False,
    }
    form = values | Annotated[Any, WithJsonSchema(by_name)]
    order = partial(_in_order, tuple(feature_names), frozenset(feature_names), make)
    return Annotated[values, BeforeValidator(order, json_schema_input_type=form)]


def _in_order(names: tuple[str, ...], known: frozenset[str], make: Callable[[Iterable[Any]], Any], values: Any) -> Any:
    """Return the values of a list, or those of an object in the order of the features.

    Raises
    ------
    PydanticCustomError
        If the input has another type, or if features are unknown or absent; the message lists them.
    """
    if isinstance(values, list):
        return make(values)
    if not isinstance(values, Mapping):
        expected = {"n": len(names), "names": shortened(names, MAX_NAMES, _cut)}
        raise PydanticCustomError("vector_type", "expected a list of {n} value(s), or an object with {names}", expected)
    unknown = [name for name in values if name not in known]
    absent = [name for name in names if name not in values]
    parts = [
        f"{kind} features: {shortened(own, MAX_NAMES, _cut)}"
        for kind, own in (("unknown", unknown), ("absent", absent))
        if own
    ]
    if parts:
        raise PydanticCustomError("feature_names", "{parts}", {"parts": "; ".join(parts)})
    return make(values[name] for name in names)


def _cut(name: str) -> str:
    return repr(name[:100])
