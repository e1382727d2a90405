"""Requests made at random from the description of the API: single ones, and ones that go on with what earlier ones have answered."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import hypothesis
import schemathesis
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from saga.api.problems import KINDS
from tests.api.fuzz.description import Described, description, narrowed

Case: TypeAlias = schemathesis.Case[Any]
STEPS: Final = 10
"""Number of requests in a stateful case, at most."""
_DESCRIBED: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
_SETTINGS: Final = hypothesis.settings(
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
    verbosity=hypothesis.Verbosity.quiet,
)


@dataclass
class Tally:
    """The requests and answers of a run, counted. `wrong`: answers that no client should get, with the request."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    operations: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list)

    def take(self, case: Case, answer: Response) -> None:
        self.statuses[answer.status_code] += 1
        self.operations[case.operation.label] += answer.status_code < 400
        if reason := self._fault(case, answer):
            self.wrong.append(f"{reason}\n  {case.as_curl_command()}\n  {answer.status_code} {answer.text[:300]}")

    def _fault(self, case: Case, answer: Response) -> str | None:
        """The fault of an answer that is not as described, or refuses without a named problem; None if there is none."""
        if answer.status_code < 400:
            return _misfit(case, answer)
        if answer.headers["content-type"] != ["application/problem+json"]:
            return "a refusal is not a problem"
        problem = answer.json()
        kind = KINDS.get(problem["type"].removeprefix("/problems/"))
        self.kinds[problem["type"]] += 1
        if kind is None or (kind.status, kind.title) != (answer.status_code, problem["title"]):
            return "a problem has no name, or another status than its name says"
        if answer.status_code >= 500:
            return "the server has a bug"
        return None if problem["detail"] else "a problem says nothing"


def _misfit(case: Case, answer: Response) -> str | None:
    """The difference of an answer from the description; None if there is none."""
    try:
        case.validate_response(answer, checks=_DESCRIBED)
    except FailureGroup as found:
        return "; ".join(f"{one.title}: {one.message}" for one in found.exceptions)
    return None


def single(link: str, cases: int, seed: int, tally: Tally) -> None:
    """Sends single requests: about what there is, about anything, and ones that do not fit the description."""
    positive, negative = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    made = st.one_of(_made(narrowed(), positive), _made(description(), positive), _made(narrowed(), negative))

    @hypothesis.seed(seed)
    @hypothesis.settings(_SETTINGS, max_examples=cases)
    @hypothesis.given(made)
    def run(case: Case) -> None:
        tally.cases += 1
        tally.take(case, case.call(base_url=link))

    run()


def _made(described: Described, mode: GenerationMode) -> st.SearchStrategy[Case]:
    found = schemathesis.openapi.from_dict(described).get_all_operations()
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    by_label = {operation.label: operation.as_strategy(generation_mode=mode) for operation in operations}
    return st.sampled_from(sorted(by_label)).flatmap(by_label.__getitem__)


def stateful(link: str, cases: int, seed: int, tally: Tally) -> None:
    """Sends requests one after the other: each goes on with the sagas that earlier ones have started."""
    until = tally.cases + cases

    class Requests(schemathesis.openapi.from_dict(narrowed()).as_state_machine()):  # type: ignore[misc]
        def teardown(self) -> None:
            tally.cases += 1

        def get_call_kwargs(self, _: Case) -> dict[str, Any]:
            return {"base_url": link}

        def validate_response(self, response: Response, case: Case, **_: object) -> None:
            tally.take(case, response)

    while tally.cases < until:
        settings = hypothesis.settings(_SETTINGS, max_examples=until - tally.cases, stateful_step_count=STEPS)
        with contextlib.suppress(Flaky):  # the shop has moved on: the same request is answered in another way
            hypothesis.seed(seed + tally.cases)(Requests).run(settings=settings)
