"""Finds the way in which a handler is called, and refuses those that cannot be called where they are registered."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from saga.codec.codec import Value
from saga.errors import UsageError
from saga.runtime.handlers.context import Context

Handler = Callable[..., Value]
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_STARS: Final[dict[object, str]] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_CONTEXT_NAME: Final = "ctx"


@dataclass(frozen=True, slots=True)
class HandlerShape:
    """The way in which a handler is called.

    `value_hints`: the annotations of the parameters for its values, in order. `context_position`: the place of the context among
    its positional arguments; None if it takes no context, or by `context_name` only. `is_async`: it is called on the event loop.
    """

    value_hints: tuple[Value, ...]
    returned_hint: Value
    context_position: int | None
    context_name: str | None
    is_async: bool

    @property
    def takes_context(self) -> bool:
        """True if the handler is given a Context."""
        return self.context_position is not None or self.context_name is not None


def shape_of(handler: Handler, place: str, *, values: int) -> HandlerShape:
    """Returns the shape of a handler that is given at most this many values.

    Raises:
        UsageError: it cannot be called as a handler, or an annotation cannot be found.
    """
    layers = list(_layers(handler))
    called, written = layers[0], layers[-1]
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise UsageError(f"{place}: the handler is a generator: return the result instead of yielding it")
    hints = _hints(written, place)  # as inspect.signature, which looks behind decorators too
    parameters = [each for each in _parameters(handler, place) if _is_filled(each)]
    contexts = [each for each in parameters if each.name == _CONTEXT_NAME or _is_context(hints.get(each.name))]
    named = [each for each in parameters if each not in contexts]
    if fault := _fault(named, contexts, values):
        raise UsageError(f"{place}: a handler takes at most {values} value(s) and a ctx: Context; {fault}")
    context = contexts[0] if contexts else None
    is_by_name = context is not None and context.kind not in _POSITIONAL
    return HandlerShape(
        tuple(hints.get(each.name, Value) for each in named),
        hints.get("return", Value),
        None if context is None or is_by_name else parameters.index(context),
        context.name if context is not None and is_by_name else None,
        any(map(inspect.iscoroutinefunction, (handler, *layers))),
    )


def _fault(named: list[inspect.Parameter], contexts: list[inspect.Parameter], values: int) -> str | None:
    """Returns why a handler with these parameters cannot be called, as a sentence; None if it can."""
    if named and named[0].name in {"self", "cls"}:
        return "this is a method without its object: register the bound one, as in participant.step(shop.charge)"
    for each in named:
        if stars := _STARS.get(each.kind):
            return f"this one takes {stars}{each.name}: a decorator must keep the signature (functools.wraps)"
        if each.kind is each.KEYWORD_ONLY:
            return f"{each.name} is keyword-only, and values are passed by position: remove the * before it"
    if len(contexts) > 1:
        return f"this one has {len(contexts)} parameters for the context"
    if len(named) > values:
        return f"this one takes {', '.join(each.name for each in named)}: several values are one model"
    return None


def _called(handler: Handler) -> Handler:
    """The function that Python calls: behind functools.partial, bound methods, and the __call__ of an object."""
    while True:
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif isinstance(handler, types.MethodType | staticmethod):
            handler = handler.__func__
        elif inspect.isroutine(handler) or isinstance(handler, type) or not callable(handler):
            return handler
        else:
            handler = type(handler).__call__


def _layers(handler: Handler) -> Iterator[Handler]:
    """Yields the functions that run when a handler is called, the outermost first: decorators tell what they wrap (functools.wraps)."""
    seen: list[Handler] = []
    while handler not in seen:
        called = _called(handler)
        seen += [handler, called]
        yield called
        handler = getattr(handler, "__wrapped__", getattr(called, "__wrapped__", handler))


def _parameters(handler: Handler, place: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: {handler!r} cannot be called as a handler: {error}") from error


def _is_filled(parameter: inspect.Parameter) -> bool:
    """False for a keyword-only parameter that keeps its default: a handler's own option, or bound by functools.partial."""
    has_default = parameter.default is not parameter.empty
    return not (parameter.kind is parameter.KEYWORD_ONLY and has_default and parameter.name != _CONTEXT_NAME)


def _is_context(hint: Value) -> bool:
    """True for Context, an optional one, and an annotated one."""
    return any(isinstance(each, type) and issubclass(each, Context) for each in (hint, *typing.get_args(hint)))


def _hints(function: Handler, place: str) -> dict[str, Value]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(f"{place}: the annotation {error.name!r} cannot be found from its module") from error
    except (AttributeError, SyntaxError) as error:
        raise UsageError(f"{place}: an annotation cannot be read: {error}") from error
    except TypeError:  # a function without annotations, such as a built-in one
        return {}
