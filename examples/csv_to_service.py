"""Train on a CSV file with missing modalities, start the HTTP service and request a prediction."""

import json
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import pandas as pd
from sklearn.datasets import load_diabetes

from redcore import RedCoreRegressor, save_model

table = load_diabetes(as_frame=True, scaled=False).frame.sample(frac=1, random_state=0)
table.loc[table.index[::2], ["s1", "s2", "s3", "s4", "s5", "s6"]] = None  # blood test missing in half of the samples
table.to_csv("patients.csv", index=False)
table = pd.read_csv("patients.csv")
modalities = {"body": ["age", "sex", "bmi", "bp"], "blood": ["s1", "s2", "s3", "s4", "s5", "s6"]}
train, calibration, test = table[:260], table[260:360], table[360:]
model = RedCoreRegressor(settings={"max_epochs": 20}, modalities=modalities, random_state=0)
model.fit(train, train["target"]).calibrate(calibration, calibration["target"])
print(f"R2 {model.score(test, test['target']):.2f}, missing: {model.missing_rates_}")
save_model(model, "model")

service = subprocess.Popen([sys.executable, "-m", "redcore", "serve", "model", "--port", "8765"])
body = json.dumps({"samples": [{"body": test[modalities["body"]].iloc[0].tolist()}]})  # blood test missing
request = Request("http://127.0.0.1:8765/predict", body.encode(), {"Content-Type": "application/json"})
try:
    while True:
        try:
            print(json.load(urlopen(request)))
            break
        except URLError as error:
            if not isinstance(error.reason, ConnectionError) or service.poll():
                raise
            time.sleep(0.1)  # wait until the service listens
finally:
    service.terminate()
