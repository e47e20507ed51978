"""Names of the files of a run folder. CONTRIBUTING.md describes their content."""

__all__ = ["CARD", "HISTORY", "METRICS", "PREDICTIONS", "RECORD", "REQUEST", "SAMPLES", "SETTINGS", "VALIDATION"]

CARD = "model_card.md"
HISTORY = "history.parquet"
METRICS = "metrics.json"
PREDICTIONS = "predictions.parquet"
RECORD = "run.json"
"""Written last: a folder with this file holds a finished run."""

REQUEST = "request.json"
"""Written first: a folder with this file and without `RECORD` holds an unfinished run."""

SAMPLES = "samples.parquet"
SETTINGS = "settings.json"
VALIDATION = "validation.parquet"
