"""Run page in a browser."""


def test_all_sections_are_drawn_without_errors_or_requests(look, fit_page):
    view = look(fit_page)
    assert view.texts("h1") == ["stacked on data"]
    assert "the mean over 3 missing patterns" in view.texts("#result")[0]
    for section in ("overview", "patterns", "curves", "traces", "records"):
        assert view.texts(f"#{section} > .body")[0].strip(), section
    assert view.console == []
    assert view.requests == [fit_page.as_uri()]


def test_patterns_are_in_order_and_sort(look, fit_page):
    view = look(fit_page)
    names = ["audio", "text", "audio+text", "all patterns pooled", "test data as observed"]
    assert view.column("patterns-table", 1) == names
    view.page.locator("#patterns-table thead button").nth(1).click()
    values = [float(text) for text in view.column("patterns-table", 2)]
    assert values == sorted(values, reverse=True)


def test_weights_losses_and_rates(look, fit_page):
    view = look(fit_page)
    drawn = view.page.locator("#figure-traces text").all_text_contents()
    shown = ("supervision weight", "relative advantage", "training loss", "validation loss")
    assert [title for title in shown if title not in drawn] == []
    assert view.texts("#rates tbody tr:first-child td")[0].startswith("0.5")


def test_the_configuration_has_all_settings(look, fit_page):
    view = look(fit_page)
    view.page.locator("#records-table tbody button").click()
    assert '"latent_dim": 8' in view.texts("dialog pre")[0]
