"""The driver that Playwright brings: its command line, its descriptions of devices, and an error."""

import asyncio
import subprocess

from playwright._impl._driver import compute_driver_executable, get_driver_env
from playwright.async_api import async_playwright
from playwright.sync_api import Error, sync_playwright

done = subprocess.run(
    [*compute_driver_executable(), "--version"],
    env=get_driver_env(),
    capture_output=True,
    text=True,
)
print(done.returncode, done.stdout.startswith("Version 1."))
with sync_playwright() as playwright:
    print(sorted(playwright.devices)[:3], playwright.chromium.name)
    try:
        playwright.chromium.launch(executable_path="/nonexistent/chrome")
    except Error as error:
        print(type(error).__name__, error.message.splitlines()[0])
    request = playwright.request.new_context()
    try:
        request.get("http://127.0.0.1:9/")
    except Error as error:
        print("refused" in error.message.lower())
    request.dispose()


async def main() -> None:
    async with async_playwright() as playwright:
        print(playwright.webkit.name, playwright.devices["iPhone 13"]["viewport"])


asyncio.run(main())
