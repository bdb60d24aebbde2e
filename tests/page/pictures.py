"""Takes pictures of the page of a running application. Called by docs/pictures/make.

  pictures.py --out=DIR DIRECTORY_OF_PROGRAMS...
"""

import argparse
import base64
import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import browser  # noqa: E402
import world  # noqa: E402
from page_test import Page  # noqa: E402

WIDE, PHONE = (1280, 1180), (390, 844)
# So long the lines have been drawn when the first picture is taken.
DRAWN_SECONDS = 75
FAILING = ("customer-0000003", "customer-0000012", "customer-0000044")


class Pod:
    def __init__(self, url):
        self.url = url


def take(page, path):
    picture = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    with open(path, "wb") as file:
        file.write(base64.b64decode(picture["data"]))
    print("%s: %d KiB" % (path, os.path.getsize(path) // 1024))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    why = browser.missing()
    if why:
        sys.exit(why)
    with world.running(options.programs, pods=("shop-0", "shop-1"), name="shop") as here:
        here.start_orders(rate=1500)
        # So that those that fail have a state.
        here.until(lambda: sum(worker["events"]["processed"] for worker in here.status("v1/status")["workers"]) > 20000, 120)
        here.fail(*FAILING)
        here.until(lambda: len(here.status("v1/parked?scope=application")["pods"]) == 2)
        with browser.browser(*WIDE) as wide, browser.browser(*WIDE, dark=True) as dark, \
                browser.browser(*PHONE, scale=2) as phone, browser.browser(*PHONE, dark=True, scale=2) as phone_dark:
            pages = {"wide-light": wide, "wide-dark": dark, "phone-light": phone, "phone-dark": phone_dark}
            pages = {name: Page(driver, Pod(here.url())).open() for name, driver in pages.items()}
            time.sleep(DRAWN_SECONDS)
            for name, page in pages.items():
                page.wait("document.querySelectorAll('.pods tbody tr[data-level=ok]').length === 2")
                take(page, os.path.join(options.out, "page-%s.png" % name))
            pages["wide-light"].js("location.hash = '#/blocked'")
            pages["wide-light"].says("customer-0000003")
            pages["wide-light"].click("Release: customer customer-0000003")
            pages["wide-light"].wait("document.querySelector('dialog .would')?.innerText.startsWith('It would')", 30)
            take(pages["wide-light"], os.path.join(options.out, "page-command.png"))
            pages["phone-light"].js("location.hash = '#/blocked'")
            pages["phone-light"].says("customer-0000003")
            take(pages["phone-light"], os.path.join(options.out, "page-phone-blocked.png"))
            pages["wide-dark"].js("location.hash = '#/aggregate/customer/customer-0000003'")
            pages["wide-dark"].wait("document.querySelectorAll('.story .letter').length > 0", 60)
            take(pages["wide-dark"], os.path.join(options.out, "page-aggregate-dark.png"))


main()
