"""Tables of scikit-learn: every column belongs to one modality, and labels stay with their rows."""

import numpy as np
import pytest
from sklearn import datasets

from redcore import load_dataset
from redcore.datasets import diabetes, wine

TABLES = {
    "breast_cancer": datasets.load_breast_cancer(),
    "diabetes": datasets.load_diabetes(scaled=False),
    "wine": datasets.load_wine(),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_belongs_to_one_modality(name):
    data, table = load_dataset(name), TABLES[name]
    values = np.column_stack([modality.values for modality in data.modalities.values()])
    expected = table.data.astype(np.float32)
    order, wanted = (np.lexsort(columns) for columns in (values, expected))
    np.testing.assert_array_equal(values[:, order], expected[:, wanted])
    assert data.availability.all()


@pytest.mark.parametrize(("name", "groups"), [("diabetes", diabetes.GROUPS), ("wine", wine.GROUPS)])
def test_columns_belong_to_the_documented_modality(name, groups):
    data, table = load_dataset(name), TABLES[name]
    for modality, columns in groups.items():
        places = [table.feature_names.index(column) for column in columns]
        np.testing.assert_array_equal(data.modalities[modality].values, table.data[:, places].astype(np.float32))


def test_labels_stay_with_their_rows():
    data, table = load_dataset("breast_cancer"), TABLES["breast_cancer"]
    assert list(data.target.classes) == ["benign", "malignant"]
    np.testing.assert_array_equal(data.target.values == 0, table.target_names[table.target] == "benign")
    np.testing.assert_array_equal(load_dataset("diabetes").target.values, TABLES["diabetes"].target)
