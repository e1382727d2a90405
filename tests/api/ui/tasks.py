"""The errands of people on call: each with its clicks, the keys that do the same, and where its answer is then read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from playwright.sync_api import Locator, Page

from tests.api.ui.browser import Reader

CLICKS_MAX: Final = 3
TABS_MAX: Final = 60
"""Presses of the tab key after which a control has the focus at last."""


@dataclass
class Person:
    """A person at a page. `key`: a saga of their own, which nobody else acts on. `clicks` are counted."""

    reader: Reader
    key: str
    clicks: int = 0

    @property
    def page(self) -> Page:
        return self.reader.page

    def click(self, name: str, role: str = "link") -> None:
        self.clicks += 1
        self._control(name, role).click()

    def type(self, text: str, *, then: str = "") -> None:
        """Types into what has the focus."""
        self.page.keyboard.type(text.format(key=self.key))
        if then:
            self.page.keyboard.press(then)

    def press(self, *keys: str) -> None:
        self.reader.press(*keys)

    def tab_to(self, name: str, role: str = "link") -> None:
        """Presses the tab key until a control has the focus."""
        wanted = self._control(name, role)
        wanted.wait_for()
        for _ in range(TABS_MAX):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.press("Tab")
        raise AssertionError(f"{TABS_MAX} tabs do not lead to the {role} {name!r}")

    def waits_for_focus(self, name: str) -> None:
        """Waits until a field has the focus, as it has in a form that was asked for."""
        self.page.wait_for_function("name => document.activeElement?.id === name", arg=name)

    def _control(self, name: str, role: str) -> Locator:
        place = self.page.locator("main, header")
        return place.get_by_role(role, name=name.format(key=self.key)).first  # type: ignore[arg-type]  # names of roles


Moves = Callable[[Person], None]


class Task(NamedTuple):
    """An errand that begins at the list of sagas. `by_keys` does not touch the mouse.

    `place`: the part of the page where the answer is read, `words`: a part of it. `definition`: of the saga that each person gets for it.
    """

    name: str
    by_clicks: Moves
    by_keys: Moves
    place: str
    words: str
    definition: str = ""


def _charged_by_clicks(person: Person) -> None:
    person.click("Find sagas", "searchbox")
    person.type("step.charge:succeeded -step.ship:succeeded definition:order", then="Enter")


def _charged_by_keys(person: Person) -> None:
    person.press("/")
    person.type("step.charge:succeeded -step.ship:succeeded definition:order", then="Enter")


def _found_by_clicks(person: Person) -> None:
    person.click("Find sagas", "searchbox")
    person.type("order:order-1003", then="Enter")


def _found_by_keys(person: Person) -> None:
    person.press("/")
    person.type("order:order-1003", then="Enter")


def _cause_by_clicks(person: Person) -> None:
    person.click("Needs a person")
    person.click("order · charge")


def _cause_by_keys(person: Person) -> None:
    person.press("g", "p")
    person.reader.is_at("stuck")
    person.press("j", "Enter")


def _opened_by_keys(person: Person, place: str) -> None:
    person.press("/")
    person.type(f"{place}:{{key}}", then="Enter")
    person.reader.is_at("sagas/")


def _rolled_back_by_clicks(person: Person) -> None:
    person.click("parcel {key}")
    person.click("Roll back…")
    person.waits_for_focus("reason")
    person.page.locator(".plan").get_by_text("weigh (depot)").wait_for()
    person.type("the customer has called")
    person.click("Roll back", "button")


def _rolled_back_by_keys(person: Person) -> None:
    _opened_by_keys(person, "parcel")
    person.press("a")
    person.tab_to("Roll back…")
    person.press("Enter")
    person.waits_for_focus("reason")
    person.type("the customer has called", then="Enter")


def _retried_by_clicks(person: Person) -> None:
    person.click("order {key}")
    person.click("Retry notify")
    person.waits_for_focus("reason")
    person.type("mail is back")
    person.click("Retry", "button")


def _retried_by_keys(person: Person) -> None:
    _opened_by_keys(person, "order")
    person.press("a", "Enter")
    person.waits_for_focus("reason")
    person.type("mail is back", then="Enter")


def _sent_by_clicks(person: Person) -> None:
    person.click("parcel {key}")
    person.click("Send approved…")
    person.waits_for_focus("payload")
    person.press("Control+A")
    person.type('{{"decision": "approve", "by": "Mira"}}')
    person.click("Send", "button")


def _sent_by_keys(person: Person) -> None:
    _opened_by_keys(person, "parcel")
    person.press("a")
    person.tab_to("Send approved…")
    person.press("Enter")
    person.waits_for_focus("payload")
    person.press("Control+A")
    person.type('{{"decision": "approve", "by": "Mira"}}')
    person.press("Tab", "Enter")


def _started_by_clicks(person: Person) -> None:
    person.click("Definitions")
    person.click("order")
    person.click("Start", "button")


def _started_by_keys(person: Person) -> None:
    person.press("g", "d")
    person.reader.is_at("definitions")
    person.press("j", "Enter")
    person.reader.is_at("definitions/order")
    person.press("a")
    person.waits_for_focus("input")
    person.tab_to("Start", "button")
    person.press("Enter")


def _compared_by_clicks(person: Person) -> None:
    person.click("Definitions")
    person.click("order")


def _compared_by_keys(person: Person) -> None:
    person.press("g", "d")
    person.reader.is_at("definitions")
    person.press("j", "Enter")


def _stuck_by_clicks(person: Person) -> None:
    person.click("order order-1017")


def _stuck_by_keys(person: Person) -> None:
    person.press("/")
    person.type("order:order-1017", then="Enter")


def _planned_by_clicks(person: Person) -> None:
    person.click("order order-1011")
    person.click("Roll back…")


def _planned_by_keys(person: Person) -> None:
    person.press("/")
    person.type("order:order-1011", then="Enter")
    person.reader.is_at("sagas/")
    person.press("a")
    person.tab_to("Roll back…")
    person.press("Enter")


def _menu(name: str, key: str) -> tuple[Moves, Moves]:
    return lambda person: person.click(name), lambda person: person.press("g", key)


WHY: Final = "[aria-label=Why]"
TASKS: Final = (
    Task("which orders are charged and not shipped", _charged_by_clicks, _charged_by_keys, "tbody", "order-1012"),
    Task("what keeps fourteen sagas waiting", _cause_by_clicks, _cause_by_keys, ".head", "14 sagas"),
    Task("why it is stuck", _stuck_by_clicks, _stuck_by_keys, WHY, "the compensation of step charge is quarantined"),
    Task("find a saga by its key", _found_by_clicks, _found_by_keys, "h1", "order-1003"),
    Task(
        "who has to act, and roll it back with its plan",
        _rolled_back_by_clicks,
        _rolled_back_by_keys,
        WHY,
        "It was rolled back",
        "parcel",
    ),
    Task("retry a quarantined step", _retried_by_clicks, _retried_by_keys, WHY, "It completed", "order"),
    Task("send the event that a saga waits for", _sent_by_clicks, _sent_by_keys, WHY, "cooling_off", "parcel"),
    Task("start an order and watch it", _started_by_clicks, _started_by_keys, WHY, "It completed"),
    Task("compare two versions", _compared_by_clicks, _compared_by_keys, "[aria-label=Changes]", "step notify: added"),
    Task("which service is down", *_menu("Services", "v"), "main", "No process serves couriers"),
    Task("who did what", *_menu("Audit", "u"), "tbody", "the receiver has moved"),
    Task("what would be undone", _planned_by_clicks, _planned_by_keys, ".plan ol", "label (shipping)"),
    Task("what happens by itself, and when", *_menu("Waits", "w"), "tbody", "the next attempt of step ship"),
)
