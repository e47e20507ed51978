"""The page of a run as a reader sees it."""


def test_everything_is_drawn_without_an_error_or_a_request(look, fit_page):
    seen = look(fit_page)
    assert seen.texts("h1") == ["redcore on data"]
    assert "the mean over 3 missing patterns" in seen.texts("#result")[0]
    for section in ("overview", "patterns", "curves", "traces", "records"):
        assert seen.texts(f"#{section} > .body")[0].strip(), section
    assert seen.console == []
    assert seen.requests == [fit_page.as_uri()]


def test_patterns_are_in_order_and_sort(look, fit_page):
    seen = look(fit_page)
    names = ["audio", "text", "audio+text", "all patterns pooled", "test data as observed"]
    assert seen.column("patterns-table", 1) == names
    seen.page.locator("#patterns-table thead button").nth(1).click()
    values = [float(text) for text in seen.column("patterns-table", 2)]
    assert values == sorted(values, reverse=True)


def test_weights_losses_and_rates(look, fit_page):
    seen = look(fit_page)
    drawn = seen.page.locator("#figure-traces text").all_text_contents()
    shown = ("supervision weight", "relative advantage", "training loss", "validation loss")
    assert [title for title in shown if title not in drawn] == []
    assert seen.texts("#rates tbody tr:first-child td")[0].startswith("0.5")


def test_the_configuration_has_all_settings(look, fit_page):
    seen = look(fit_page)
    seen.page.locator("#records-table tbody button").click()
    assert '"latent_dim": 8' in seen.texts("dialog pre")[0]
