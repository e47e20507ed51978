from redcore._histories import thinned


def test_short_histories_stay_whole_and_long_ones_keep_their_ends():
    assert thinned({"loss": [3.0, 2.0]}, "step", 5) == {"step": [0, 1], "loss": [3.0, 2.0]}
    long = thinned({"loss": [float(step) for step in range(1000)]}, "step", 7)
    assert (long["step"][0], long["step"][-1], len(long["step"])) == (0, 999, 7)
    assert long["step"] == long["loss"]


def test_a_thinned_history_keeps_its_index_when_thinned_again():
    once = thinned({"loss": [float(step) for step in range(100)]}, "step", 11)
    assert thinned(once, "step", 3)["step"] == [0, 50, 99]


def test_no_columns_or_no_rows_give_nothing():
    assert thinned({}, "epoch", 3) == thinned({"loss": []}, "epoch", 3) == {}
