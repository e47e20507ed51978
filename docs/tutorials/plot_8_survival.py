"""
From raw tables to a risk curve
===============================

Join the tables of a cohort, predict the time to death of each patient, and show the risk of groups and of one patient.
"""

# %%
# The cohort is :doc:`HANCOCK <../data/hancock>`: 763 patients with head-and-neck cancer. If the environment variable
# ``REDCORE_DATA`` names a folder with the public files in ``hancock/``, this page uses them. Otherwise it writes tables
# of the same form with simulated patients, and the numbers below are those of the simulation.

import os
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from redcore import MethodSurvival, MultimodalData
from redcore.data import hold_out
from redcore.plot import MissingPatternsDisplay, RiskGroupsDisplay


def write_simulated_cohort(folder: Path, n_patients: int = 500) -> None:
    """Write tables in the form of HANCOCK, of which some patients have no blood values and no codes."""
    rng = np.random.default_rng(0)
    ids = [f"{number:03d}" for number in range(1, n_patients + 1)]
    age = rng.normal(62, 9, n_patients).round()
    stage = rng.integers(1, 5, n_patients)
    haemoglobin = rng.normal(14.5 - 0.5 * stage, 1.2)
    metastasis = rng.random(n_patients) < 0.08 * stage
    risk = 0.04 * (age - 62) + 0.5 * (stage - 2.5) + 0.8 * metastasis
    death = rng.weibull(1.2, n_patients) * 4000 * np.exp(-risk)
    follow_up = rng.uniform(400, 4000, n_patients)
    tables: dict[str, dict[str, Any]] = {
        "clinical": {"sex": rng.integers(0, 2, n_patients), "age_at_initial_diagnosis": age},
        "pathological": {"pT_stage": stage, "grading": rng.integers(1, 4, n_patients)},
        "blood": {"Hemoglobin": haemoglobin.round(1), "Leukocytes": rng.normal(7, 2, n_patients).round(2)},
        "icd_codes": {"c770": metastasis.astype(int), "r590": rng.integers(0, 2, n_patients)},
    }
    for name, columns in tables.items():
        table = pd.DataFrame({"patient_id": ids, **columns})
        share = {"blood": 0.9, "icd_codes": 0.93}.get(name, 1.0)
        table.sample(frac=share, random_state=1).sort_index().to_csv(folder / f"{name}.csv", index=False)
    status = np.where(death <= follow_up, "deceased", "living")
    days = np.ceil(np.minimum(death, follow_up)).astype(int)
    targets = {"patient_id": ids, "survival_status": status, "days_to_last_information": days}
    pd.DataFrame(targets).to_csv(folder / "targets.csv", index=False)


hancock = Path(os.environ.get("REDCORE_DATA", "")) / "hancock"
if not os.environ.get("REDCORE_DATA") or not hancock.is_dir():
    hancock = Path(tempfile.mkdtemp())
    write_simulated_cohort(hancock)
print((hancock / "targets.csv").read_text()[:130])

# %%
# ``join`` matches the tables by patient id. The target is a time and an event: the days from the diagnosis to the last
# information, and whether the patient was deceased then. The times of all other patients are censored. A patient who
# is absent from a table misses this modality.

tables = {"clinical": "clinical", "blood": "blood", "pathological": "pathological", "icd": "icd_codes"}
data = MultimodalData.join(
    {name: hancock / f"{file}.csv" for name, file in tables.items()},
    "patient_id",
    target=f"{hancock / 'targets.csv'}:days_to_last_information",
    event="survival_status=deceased",
)
MissingPatternsDisplay.from_data(data)
plt.show()

# %%
# A quarter of the patients is held out for the test, with the same share of deaths. The estimators follow
# scikit-survival: ``predict`` returns risks, and ``score`` the concordance index of Harrell, the share of comparable
# pairs of patients of whom the one with the higher risk dies earlier. We fit the stack of linear models, which takes
# seconds; ``RedCoreSurvival()`` is the default with networks.

train, test = (data.take(rows) for rows in hold_out(data, 0.25, seed=0))
model = MethodSurvival("stack", random_state=0).fit(train)
print(f"concordance on {test.n_samples} test patients: {model.score(test):.3f}")

# %%
# The test patients are divided into three groups by predicted risk. Steps are the observed survival (Kaplan-Meier) with
# 95% bands, dashed lines the means of the predicted curves. Groups that separate well have curves far apart; a
# calibrated model has dashed lines inside the bands. The numbers below the axis are the patients who are still at risk.

RiskGroupsDisplay.from_estimator(model, test)
plt.show()

# %%
# The curve of one patient, here of the one with the highest risk: the predicted probability of survival at each time.
# Conformal intervals contain the time to death with a probability of 90%. They are calibrated on patients who were not
# used in the fit.

calibration, patients = (test.take(rows) for rows in hold_out(test, 0.5, seed=0))
model.calibrate(calibration)
risk = model.predict(patients)
highest = int(np.argmax(risk))
curve = model.predict_survival_function(patients, return_array=True)[highest]
low, high = model.predict_interval(patients)[highest]
end = "end of the follow-up" if np.isinf(high) else f"{high:.0f}"
print(f"patient {patients.sample_ids[highest]}: risk {risk[highest]:.2f}, 90% interval {low:.0f} to {end} days")

_, axes = plt.subplots(layout="constrained")
axes.step(np.append(0, model.unique_times_), np.append(1, curve), where="post", label="highest risk")
mean = model.predict_survival_function(patients, return_array=True).mean(axis=0)
axes.step(np.append(0, model.unique_times_), np.append(1, mean), where="post", color="grey", label="mean of all")
axes.set(xlabel="days since the diagnosis", ylabel="probability of survival", ylim=(0, 1.02))
axes.legend(frameon=False)
plt.show()

# %%
# Each patient is predicted from the observed modalities. This is the prediction for the same patient without blood
# values and codes:

without = patients.take(np.array([highest])).select(["clinical", "pathological"])
print(f"risk from clinical and pathological data alone: {model.predict(without)[0]:.2f}")

# %%
# On the command line, the same steps are ``redcore join``, ``redcore fit`` and ``redcore predict``; see
# :doc:`../survival`. The page of the run has the curves by predicted risk too.
