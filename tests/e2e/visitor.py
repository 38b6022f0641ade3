"""A browser window and everything that went wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Error, Page, Response


@dataclass
class Visitor:
    """A page whose console errors, uncaught exceptions and failed requests are kept."""

    page: Page
    expects: tuple[int, ...] = ()
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from the start."""
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", self._hear_error)
        self.page.on("response", self._hear_response)

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(
            f"status of {status}" in message.text for status in self.expects
        ):
            self.problems.append(f"console {message.type}: {message.text}")

    def _hear_error(self, error: Error) -> None:
        self.problems.append(f"uncaught: {error}")

    def _hear_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expects:
            self.problems.append(f"{response.status} {response.url}")
