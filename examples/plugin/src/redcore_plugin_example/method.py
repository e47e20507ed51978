"""Kernel regression (Nadaraya, 1964; Watson, 1964) on the observed features."""

import numpy as np
from scipy.special import softmax

from redcore.methods import TableMethod


class KernelRegression(TableMethod):
    """Mean target of the training samples, weighted by a Gaussian kernel of the distance in the shared features."""

    nothing_to_tune = "its bandwidth is the root-mean-square difference of 1"

    def _fit_table(self, table, target, groups, seed):
        outputs = np.eye(target.n_outputs)[target.values] if target.is_classification else target.values
        weights = np.ones(len(table)) if target.weights is None else target.weights
        return {"table": table, "outputs": outputs.reshape(len(table), -1).astype(float), "weights": weights}

    def _predict_table(self, table):
        differences = table[:, None] - self.table_arrays["table"]  # NaN where one of the samples misses the modality
        n_shared = (~np.isnan(differences)).sum(axis=2)
        distances = np.nansum(differences**2, axis=2) / np.maximum(n_shared, 1)
        kernel = softmax(np.log(self.table_arrays["weights"]) - distances / 2, axis=1)
        return kernel @ self.table_arrays["outputs"]
