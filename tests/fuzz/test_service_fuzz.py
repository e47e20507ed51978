"""A few cases of the fuzz run of the service; `make fuzz-service` has 20,000."""

from pathlib import Path

from factories import load_script

service_fuzz = load_script(Path(__file__).with_name("service_fuzz.py"))


def test_no_request_of_a_few_hundred_breaks_the_service():
    found = service_fuzz.fuzz(300, seed=7)
    assert found["cases"] >= 280
    assert {200, 422} <= set(found["statuses"])
    assert max(found["statuses"]) < 500
