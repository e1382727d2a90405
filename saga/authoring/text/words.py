"""The words of a definition as text, with the form of each: the reader checks it, and the schema for editors shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from saga.core.check.limits import ATTEMPTS_MAX, VERSION_MAX
from saga.core.definition.json_value import Json
from saga.core.definition.names import NAME_CHARS_MAX


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a value: in words, for the error of another one, and as a JSON Schema. `kinds`: its Python types, exactly."""

    words: str
    schema: Mapping[str, Json]
    kinds: tuple[type, ...]

    def fits(self, value: Json) -> bool:
        """Returns whether a value has one of the types."""
        return type(value) in self.kinds


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text: the form of its value, and what it means, for the editor."""

    form: Form
    meaning: str
    is_required: bool = False


_NAME_SCHEMA: Final = {"type": "string", "pattern": f"^[a-z][a-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}$"}
_NAMES_SCHEMA: Final = {"type": "array", "items": _NAME_SCHEMA, "minItems": 1}
_COUNT_SCHEMA: Final = {"type": "integer", "minimum": 1, "maximum": ATTEMPTS_MAX}

NAME: Final = Form("a name", _NAME_SCHEMA, (str,))
HANDLER: Final = Form(
    "the name of a handler, such as inventory.reserve",
    {"type": "string", "pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"},
    (str,),
)
TEXT: Final = Form("a text", {"type": "string"}, (str,))
CONDITION: Final = Form(
    "a condition in CEL, as text, such as input.cents > 100", {"type": "string", "minLength": 1}, (str,)
)
SWITCH: Final = Form("true or false", {"type": "boolean"}, (bool,))
DURATION: Final = Form(
    'a duration such as "30s", "1h30m" or "2d", or a number of seconds',
    {"type": ["string", "number"]},
    (str, int, float),
)
VERSION: Final = Form("a whole number from 1", {"type": "integer", "minimum": 1, "maximum": VERSION_MAX}, (int,))
NUMBER: Final = Form("a number", {"type": "number"}, (int, float))
ATTEMPTS: Final = Form(
    "a whole number, null for no limit, or auto",
    {"anyOf": [_COUNT_SCHEMA, {"type": "null"}, {"const": "auto"}]},
    (int, str, type(None)),
)
NAMES: Final = Form("a list of steps", _NAMES_SCHEMA, (list,))
COUNT: Final = Form("a whole number from 1", _COUNT_SCHEMA, (int,))
ONE_STEP: Final = Form("the name of a step", _NAME_SCHEMA, (str,))
EVENTS: Final = Form("the name of an event, or a list of names", {"anyOf": [_NAME_SCHEMA, _NAMES_SCHEMA]}, (str, list))
STEPS: Final = Form("a list of steps", {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}, (list,))
JSON_SCHEMA: Final = Form("a JSON Schema", {"type": "object"}, (dict,))
EVENT_TYPES: Final = Form(
    "the JSON Schema of each event, behind its name",
    {"type": "object", "additionalProperties": {"type": "object"}},
    (dict,),
)
ANYTHING: Final = Form("any value", {}, (dict, list, str, int, float, bool, type(None)))
AFTER: Final = Form(
    "a step, a list of steps, any_of: [...], or at_least: N with of: [...]",
    {
        "anyOf": [
            _NAME_SCHEMA,
            {"type": "array", "items": _NAME_SCHEMA},
            {"$ref": "#/$defs/any_of"},
            {"$ref": "#/$defs/at_least"},
        ]
    },
    (str, list, dict),
)
RETRY: Final = Form("the words of a retry policy, such as {attempts: 5}", {"$ref": "#/$defs/retry"}, (dict,))

Words = Mapping[str, Word]

RETRY_WORDS: Final[Words] = MappingProxyType(
    {
        "attempts": Word(ATTEMPTS, "How often it is tried; null: no limit."),
        "first": Word(DURATION, "The pause before the second attempt."),
        "cap": Word(DURATION, "The longest pause."),
        "factor": Word(NUMBER, "How many times longer each pause is than the one before."),
        "jitter": Word(NUMBER, "The part of a pause, from 0 to 1, by which it is longer or shorter at random."),
        "give_up_after": Word(DURATION, "Time from the first failure, after which it is given up."),
    }
)
ANY_OF_WORDS: Final[Words] = MappingProxyType(
    {
        "any_of": Word(NAMES, "The steps of which one must succeed.", is_required=True),
    }
)
AT_LEAST_WORDS: Final[Words] = MappingProxyType(
    {
        "at_least": Word(COUNT, "How many of these steps must succeed.", is_required=True),
        "of": Word(NAMES, "The steps.", is_required=True),
    }
)
_EVERY_STEP: Final[Words] = {
    "name": Word(NAME, "The name of the step; the default is the name of its handler, or of its event."),
    "after": Word(AFTER, "The steps after which it runs."),
    "when": Word(CONDITION, "The condition under which it runs, in CEL. Where it is false, the step is skipped."),
}
_UNTIL: Final = Word(ONE_STEP, "A step beside this one. Once it has finished, this one is skipped.")
STEP_WORDS: Final[Words] = MappingProxyType(
    {
        "step": Word(HANDLER, "The handler that the step calls, as service.handler.", is_required=True),
        **_EVERY_STEP,
        "until": _UNTIL,
        "delay": Word(DURATION, "Time that must pass before it runs."),
        "inputs": Word(
            ANYTHING, "What the handler gets: values, and paths such as ${input.sku}. Default: the saga's input."
        ),
        "pivot": Word(SWITCH, "Behind it the saga only goes forward."),
        "retriable": Word(SWITCH, "The step never rejects."),
        "read_only": Word(SWITCH, "The step has no effect to undo."),
        "handled": Word(SWITCH, "The saga goes on after a rejection of the step."),
        "optional": Word(SWITCH, "The saga also goes on when the step is given up."),
        "timeout": Word(DURATION, "The limit of one attempt."),
        "retry": Word(RETRY, "When a failure is retried, and when it is given up."),
        "compensation_retry": Word(RETRY, "The same for the compensation."),
    }
)
CHECK_WORDS: Final[Words] = MappingProxyType(
    {
        "check": Word(CONDITION, "A condition in CEL. Where it is false, the saga is rolled back.", is_required=True),
        "reason": Word(TEXT, "The reason with which it is rolled back.", is_required=True),
        **_EVERY_STEP,
    }
)
WAIT_WORDS: Final[Words] = MappingProxyType(
    {
        "wait": Word(
            EVENTS, "The event for which it waits, or several, of which the first is taken.", is_required=True
        ),
        **_EVERY_STEP,
        "timeout": Word(DURATION, "Time after which the wait is over; without it, it waits for ever."),
        "otherwise": Word(ANYTHING, "The output after that time. Without it, the wait is rejected."),
        "handled": Word(SWITCH, "The saga goes on after a rejection of the wait."),
    }
)
TIMER_WORDS: Final[Words] = MappingProxyType(
    {
        "timer": Word(DURATION, "Time that must pass before the steps behind it run.", is_required=True),
        **_EVERY_STEP,
        "until": _UNTIL,
    }
)
CANCEL_WORDS: Final[Words] = MappingProxyType(
    {
        "cancel_on": Word(NAME, "The event that rolls the saga back, until its pivot has passed.", is_required=True),
        "name": Word(NAME, "The name of the step; the default is cancel_on_ and the event."),
    }
)
KINDS: Final[Mapping[str, Words]] = MappingProxyType(
    {"step": STEP_WORDS, "check": CHECK_WORDS, "wait": WAIT_WORDS, "timer": TIMER_WORDS, "cancel_on": CANCEL_WORDS}
)
"""The words of each kind of step, by the word that makes it one of that kind."""
TEMPLATES: Final = ("inputs", "otherwise")
"""The words whose values may be written as `$${`, for the characters that begin a path."""
DEFINITION_WORDS: Final[Words] = MappingProxyType(
    {
        "$schema": Word(TEXT, "The address of this schema, for editors."),
        "name": Word(NAME, "The name of the definition.", is_required=True),
        "version": Word(VERSION, "The version; the default is 1."),
        "deadline": Word(
            DURATION, "Time from the start, after which a saga is rolled back unless its pivot has passed."
        ),
        "compensation_budget": Word(DURATION, "Time for a rollback; the default is a day."),
        "input": Word(JSON_SCHEMA, "The JSON Schema of the saga's input."),
        "events": Word(EVENT_TYPES, "The JSON Schemas of what comes with events, for those that have one."),
        "steps": Word(STEPS, "The steps. A step can name only steps above it.", is_required=True),
        "returns": Word(
            ANYTHING, "What a completed saga returns: values, and paths such as ${steps.charge.output.id}."
        ),
    }
)
