"""A browser without a window, as a test needs it."""

import contextlib
import os
import shutil
import tempfile

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb")


def missing():
    """Why there is none, or nothing."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return "%s is not installed: setup/install --page" % program
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "Selenium for Python is not installed: setup/install --page"
    return None


@contextlib.contextmanager
def browser(width=1280, height=900, dark=False, scale=1, calm=True):
    """Yields a WebDriver whose page is so large. `calm` asks for reduced motion."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    profile = tempfile.mkdtemp(prefix="once-page-")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in OPTIONS + ("--user-data-dir=" + profile, "--window-size=%d,%d" % (width, height)):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Downloads nothing: the driver is named.
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver"), log_path=os.devnull), options=options)
    try:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}]})
        driver.set_page_load_timeout(30)
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)
