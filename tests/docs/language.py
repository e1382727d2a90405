"""Finds the places that docs/contributing/language.md forbids, as far as a machine can judge.

`python -m tests.docs.language` counts them by folder, `python -m tests.docs.language saga/runtime README.md` lists those below
the given paths.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.sentences import Kind, Text, texts_of

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("saga", "adapters", "tests", "examples", "bench", "docs", "deploy")
PAGES: Final = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml")
QUOTES_THE_RULES: Final = (
    "docs/contributing/language.md",
    "docs/glossary.md",
    "tests/docs/language.py",
    "tests/docs/test_language.py",
)
GENERATED: Final = ("adapters/saga_etcd/stubs/",)
SUFFIXES: Final = {".py", ".sql", ".md", ".toml", ".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that no text of these kinds contains, and what to write in its place."""

    name: str
    kinds: frozenset[Kind]
    pattern: re.Pattern[str]
    remedy: str


@dataclass(frozen=True, slots=True)
class Place:
    """One text that breaks a rule."""

    path: str
    line: int
    rule: Rule
    excerpt: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule.name}: {self.excerpt} [{self.rule.remedy}]"


def _rule(name: str, kinds: Iterable[Kind], pattern: str, remedy: str, *, is_exact: bool = False) -> Rule:
    return Rule(name, frozenset(kinds), re.compile(pattern, 0 if is_exact else re.IGNORECASE), remedy)


_VERBS: Final = (
    "Accept|Add|Allow|Answer|Append|Apply|Ask|Assert|Await|Begin|Bring|Build|Call|Choose|Clear|Close|Collect|Compare|Compute|"
    "Connect|Convert|Count|Create|Decide|Decode|Delete|Describe|Divide|Drop|Empty|Encode|End|Enter|Execute|Extend|Fetch|Fill|Find|"
    "Finish|Fold|Follow|Forget|Freeze|Get|Give|Hand|Hold|Insert|Join|Keep|Kill|Leave|Let|List|Load|Look|Make|Mark|Measure|Move|"
    "Note|Open|Parse|Pass|Prepare|Print|Prolong|Publish|Put|Raise|Read|Receive|Record|Refuse|Register|Release|Remove|Renew|"
    "Replace|Resign|Return|Roll|Run|Save|Say|Select|Send|Serve|Set|Show|Sleep|Split|Start|Stop|Subscribe|Take|Tell|Try|"
    "Turn|Update|Use|Verify|Wait|Wake|Wrap|Write|Yield"
)
_PROSE: Final = (Kind.DOCSTRING, Kind.HELP, Kind.ATTRIBUTE, Kind.COMMENT, Kind.MESSAGE, Kind.PAGE)
_TEXT: Final = (*_PROSE, Kind.NAME)
_CODE: Final = (Kind.DOCSTRING, Kind.HELP, Kind.ATTRIBUTE, Kind.COMMENT, Kind.MESSAGE, Kind.NAME)

RULES: Final = (
    _rule(
        "is no",
        _TEXT,
        r"(?<!there )(?<!here )\b(?:is|are|was|were) no (?!longer\b|more\b|fewer\b|less\b|later\b|larger\b|older\b|better\b|doubt\b)",
        "is not a",
    ),
    _rule(
        "has not",
        _TEXT,
        r"\b(?:has none\b|(?:has|have|had) not (?:the|a|an|any|its|their|enough|only|\d+)\b)",
        "does not have, lacks, has no",
    ),
    _rule(
        "so many",
        _TEXT,
        r"\bso (?:long|many|often|few|seldom)\b(?! (?:as|that)\b)",
        "this long, that many, at least this often",
    ),
    _rule("at most so", _TEXT, r"\bat (?:most|least) so\b", "maximum number of"),
    _rule("had better", _TEXT, r"\bhad better\b", "must, should"),
    _rule("shall", _TEXT, r"\bshall\b", "must, or the present tense"),
    _rule(
        "hyphen",
        _TEXT,
        r"\b(?:roll-backs?|time-outs?|re-driv\w+|hand-overs?|take-overs?|heart-beats?)\b",
        "rollback, timeout, redrive, handover, takeover, heartbeat",
    ),
    _rule(
        "noun in two words",
        (Kind.NAME,),
        r"\b(?:a|an|the|its|each|every|one|no) (?:roll backs?|time outs?|re drives?|hand overs?|take overs?|heart beats?)\b",
        "rollback, timeout, redrive, handover, takeover, heartbeat",
    ),
    _rule("looked after", _TEXT, r"\blook(?:s|ed|ing)? after\b", "redriven, checked, examined"),
    _rule("set aside", _TEXT, r"\b(?:set|sets|setting) aside\b", "quarantined, parked"),
    _rule("residue", _TEXT, r"\bresidues?\b", "effect unknown"),
    _rule("whoever", _CODE, r"\bwhoever\b", "a process which, the function that, or its name"),
    _rule(
        "somebody",
        _CODE,
        r"\b(?:somebody|anybody|everybody)\b(?! else|'s)",
        "an operator, a process, the caller",
    ),
    _rule("became of", _CODE, r"\bwhat (?:becomes|became|has become) of\b", "the outcome of, what happened to"),
    _rule("he", _CODE, r"\b(?:he|himself|his)\b", "it, itself, its"),
    _rule(
        "who",
        _PROSE,
        r"(?:^|[.;:] )(?:Who|Whose)\b(?![^.]*\?)",
        "a process which, the function that, or its name",
        is_exact=True,
    ),
    _rule(
        "free relative",
        (Kind.DOCSTRING, Kind.ATTRIBUTE),
        r"\A(?:What|Whether|Which|How|Why|Whatever|Whichever)\b(?![^.]*\?)|\A(?:Where|When)\b(?![^.]*[,?])",
        "begin with a verb in the third person or a noun phrase",
        is_exact=True,
    ),
    _rule(
        "free relative",
        (Kind.COMMENT,),
        r"\A(?:What|Whatever)\b(?![^.]*\?)",
        "begin with a subject",
        is_exact=True,
    ),
    _rule(
        "imperative",
        (Kind.DOCSTRING,),
        rf"\A(?:{_VERBS})\b(?![-,])(?! (?:is|are|was|of|for|in|to|that|which|and|or|by)\b)",
        "begin with a verb in the third person or a noun phrase",
        is_exact=True,
    ),
    _rule(
        "fragment",
        (Kind.DOCSTRING, Kind.ATTRIBUTE),
        r"\A(?:Of|By|To|With|As|Has|Have|Is|Are|And|But|So|Because|Asked|Given|Told|Taken|Said)\b(?![^.]*\?)",
        "begin with a verb in the third person or a noun phrase",
        is_exact=True,
    ),
    _rule("test name", (Kind.NAME,), r"\Atest (?:who|whoever|whose)\b", "test_a_process_which"),
)


def places(path: Path) -> Iterator[Place]:
    """Yields every text of a file that breaks a rule, in the order of the lines."""
    shown = path.relative_to(ROOT).as_posix()
    for text in texts_of(path):
        for rule in RULES:
            if text.kind in rule.kinds and (match := rule.pattern.search(text.prose)):
                yield Place(shown, text.line, rule, _excerpt(text, match))


def _excerpt(text: Text, match: re.Match[str]) -> str:
    begin, end = max(match.start() - 30, 0), match.end() + 40
    return text.prose[begin:end].strip()


def files(*below: str) -> list[Path]:
    """Returns the files under the language rules, or those of them below the given paths."""
    found = [ROOT / name for name in PAGES]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    names = {path.relative_to(ROOT).as_posix(): path for path in found if path.is_file()}
    exempt = (*QUOTES_THE_RULES, *GENERATED)
    return [
        path
        for name, path in sorted(names.items())
        if not name.startswith(exempt) and (not below or name.startswith(below))
    ]


def main(*below: str) -> None:
    """Prints the places below the given paths, or the number of places in each folder."""
    found = [place for path in files(*below) for place in places(path)]
    if below:
        for place in found:
            print(place)
    else:
        for folder, count in sorted(Counter(folder_of(place.path) for place in found).items()):
            print(f"{count:5} {folder}")
    by_rule = Counter(place.rule.name for place in found)
    print(f"{len(found):5} places:", ", ".join(f"{name} {count}" for name, count in by_rule.most_common()))


def folder_of(path: str) -> str:
    """Returns the folder by which places are counted: the first two parts of the path."""
    return "/".join(path.split("/")[:2])


if __name__ == "__main__":
    main(*sys.argv[1:])
