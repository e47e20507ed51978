import pickle
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from redcore._settings import Settings, Sizes
from redcore.exceptions import RedCoreError, SettingsError, UnknownNameError


class Example(Settings):
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    epochs: int = Field(default=3, ge=1)
    patience: int | None = 5
    hidden: Sizes = (128,)
    mode: Literal["fast", "slow"] = "fast"
    shuffle: bool = True


def test_unknown_key_suggests_the_closest():
    with pytest.raises(UnknownNameError, match=r"unknown setting 'learning_rat'; did you mean 'learning_rate'\?"):
        Example.parse({"learning_rat": 0.5})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rate", 0.0, "greater than 0"),
        ("learning_rate", 1.5, "less than or equal to 1"),
        ("learning_rate", "nan", "finite"),
        ("learning_rate", float("inf"), "finite"),
        ("learning_rate", "fast", "number"),
        ("epochs", 0, "greater than or equal to 1"),
        ("epochs", 2.5, "fractional"),
        ("epochs", None, "integer"),
        ("epochs", "none", "integer"),
        ("mode", "medium", "'fast' or 'slow'"),
        ("hidden", "128,x", "integer"),
        ("hidden", [0], "greater than or equal to 1"),
        ("hidden", "128,-1", "greater than or equal to 1"),
    ],
)
def test_bad_values_name_the_setting_and_the_value(key, value, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Example.parse({key: value})
    assert f"setting '{key}" in str(caught.value)


def test_every_bad_value_is_reported():
    with pytest.raises(SettingsError, match=r"'learning_rate' is -1.*'epochs' is 0"):
        Example.parse({"learning_rate": -1, "epochs": 0})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("learning_rate", "0.5", 0.5),
        ("learning_rate", "1e-3", 0.001),
        ("epochs", "7", 7),
        ("patience", "none", None),
        ("patience", " None ", None),
        ("patience", "null", None),
        ("patience", "4", 4),
        ("hidden", "128,64", (128, 64)),
        ("hidden", "128, 64,", (128, 64)),
        ("hidden", "(32, 16)", (32, 16)),
        ("hidden", "[32]", (32,)),
        ("hidden", "64", (64,)),
        ("hidden", "", ()),
        ("hidden", 64, (64,)),
        ("hidden", [8, 4], (8, 4)),
        ("mode", "slow", "slow"),
        ("shuffle", "false", False),
    ],
)
def test_text_is_converted_to_the_type_of_its_setting(key, text, value):
    got = getattr(Example.parse({key: text}), key)
    assert got == value
    assert type(got) is type(value)


def test_defaults_are_used_for_omitted_settings():
    assert Example.parse({}) == Example()
    assert Example.parse({"epochs": 9}).learning_rate == 0.1


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Example().epochs = 4  # type: ignore[misc]


def test_replace_validates_and_does_not_modify_the_original():
    settings = Example()
    assert settings.replace(epochs="8").epochs == 8
    assert settings.epochs == 3
    with pytest.raises(SettingsError, match="epochs"):
        settings.replace(epochs=-1)
    with pytest.raises(UnknownNameError, match="epoch"):
        settings.replace(epoch=4)


def test_dump_is_json_serialisable_and_parses_back():
    settings = Example.parse({"hidden": "128,64", "patience": None})
    dumped = settings.dump()
    assert dumped["hidden"] == [128, 64]
    assert Example.parse(dumped) == settings


def test_bad_defaults_fail():
    class Wrong(Settings):
        epochs: int = Field(default=0, ge=1)

    with pytest.raises(SettingsError, match="epochs"):
        Wrong.parse({})


def test_errors_derive_from_the_base_class_and_can_be_pickled():
    with pytest.raises(UnknownNameError) as caught:
        Example.parse({"epoch": 1})
    assert isinstance(caught.value, RedCoreError)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.kind, again.name, again.known, str(again)) == (
        "setting", "epoch", sorted(Example.model_fields), str(caught.value),
    )  # fmt: skip
