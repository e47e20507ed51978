"""A few cases of the fuzz run of the service; `make fuzz-service` has 20,000."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("service_fuzz", Path(__file__).with_name("service_fuzz.py"))
service_fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(service_fuzz)


def test_no_request_of_a_few_hundred_breaks_the_service():
    found = service_fuzz.fuzz(300, seed=7)
    assert found["cases"] >= 280
    assert {200, 422} <= set(found["statuses"])
    assert max(found["statuses"]) < 500
