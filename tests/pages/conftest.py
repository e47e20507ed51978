"""Fixtures for tests of HTML pages in headless Chromium. Without Chromium, the tests are skipped."""

import os
import shutil
from pathlib import Path

import pytest

from record_factory import make_records, make_spec
from redcore.report import benchmark_page

FLAGS = ["--headless", "--no-sandbox", "--disable-quic", "--disable-background-networking"]
AXE = Path(__file__).parents[2] / ".venv" / "pages" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-pages")
    path = os.environ.get("REDCORE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe():
    """Return the source of axe-core."""
    path = Path(os.environ.get("REDCORE_AXE") or AXE)
    if not path.is_file():
        pytest.skip(f"axe-core is not installed: no file {path} (make test-pages installs it; or set REDCORE_AXE)")
    return path.read_text(encoding="utf-8")


class OpenPage:
    """A page in the browser, with its console messages and network requests."""

    def __init__(self, page):
        self.page, self.console, self.requests = page, [], []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path):
        self.page.goto(path.as_uri())
        return self.settle()

    def settle(self):
        """Wait until all sections are drawn."""
        self.page.wait_for_selector("main:not([aria-busy])")
        return self

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()

    def column(self, table, place):
        """Return the cells of a column of a table; columns count from 1."""
        return self.texts(f"#{table} tbody tr > :nth-child({place})")


@pytest.fixture
def look(browser):
    """Return ``look(path, **options)``, which opens a page in a new browser context."""
    contexts = []

    def open_page(path, **options):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        return OpenPage(context.new_page()).open(path)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def records():
    spec = make_spec(methods=("m0", "m1", "m2", "m3"), n_seeds=4)
    return make_records(spec, n_points=20, fail=lambda cell: cell.method.label == "m3" and cell.seed == 3)


@pytest.fixture(scope="session")
def bench_page(records, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "bench.html"
    path.write_text(benchmark_page(records, "a benchmark"), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def fit_page(tmp_path_factory):
    """Return the path of the page of a finished run."""
    import numpy as np

    from redcore.cli import main

    folder = tmp_path_factory.mktemp("run")
    rng, codes = np.random.default_rng(0), np.arange(60) % 3
    arrays = {f"x_{name}": rng.normal(size=(60, 3)) + codes[:, None] for name in ("audio", "text")}
    np.savez(folder / "data.npz", **arrays, y=codes)
    options = ("--set", "max_epochs=2", "--set", "latent_dim=8", "--missing-rate", "audio=0.5")
    assert main(["fit", str(folder / "data.npz"), "--out", str(folder / "run"), *options]) == 0
    return folder / "run" / "report.html"
