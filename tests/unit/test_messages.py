"""The words of the page: one file a language, the same keys in each, all used, and none written anywhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT

WEB = ROOT / "web_service"
FILES = sorted((WEB / "messages").glob("*.json"))
LANGUAGES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
ENGLISH = LANGUAGES["en"]
SCRIPTS = sorted((WEB / "static").rglob("*.js"))
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
# Plural categories of whole numbers that each language's file must have (Unicode CLDR).
CATEGORIES = {"en": {"one", "other"}, "de": {"one", "other"}}
# What is the same in every language: names of things that are not words of the page.
SAME = {"AbortError", "SyntaxError", "ApiError", "Content-Type", "Accept", "Files", "CLIP-Branches", "POST", "DELETE"}
KEY_NAMES = {"Enter", "Escape", "Home", "End", "Tab", "Shift", "PageUp", "PageDown", "Space"}


def forms(message: str | dict[str, str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message.values())


def placeholders(message: str | dict[str, str]) -> set[str]:
    return {name for form in forms(message) for name in re.findall(r"\{(\w+)\}", form)}


def test_there_is_a_second_language() -> None:
    assert len(LANGUAGES) >= 2
    assert set(CATEGORIES) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: str) -> None:
    messages = LANGUAGES[language]
    assert list(messages) == list(ENGLISH), "the files hold the same keys in the same order"
    for key, message in messages.items():
        assert isinstance(message, str) == isinstance(ENGLISH[key], str), key
        assert placeholders(message) == placeholders(ENGLISH[key]), key
        assert all(form.strip() for form in forms(message)), key
        if not isinstance(message, str):
            assert set(message) == CATEGORIES[language], key


def test_a_key_is_written_once_in_a_file() -> None:
    for path in FILES:
        keys = re.findall(r'^  "([\w.]+)":', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(keys) == len(set(keys)), path


def test_every_key_that_is_used_is_there_and_every_other_way_round() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*SCRIPTS, *TEMPLATES, WEB / "languages.py"))
    written = set(re.findall(r"""["'`]([a-z]\w*(?:\.\w+)*)["'`]""", text))
    begun = set(re.findall(r"""["'`]([a-z]\w*(?:\.\w+)*\.)(?:["'] ?~|\$\{)""", text))  # a key made of parts
    asked = set(re.findall(r"""\bt\(["']([\w.]+)["']\s*[,)]""", text))
    assert asked <= set(ENGLISH)
    unused = [key for key in ENGLISH if key not in written and not any(key.startswith(start) for start in begun)]
    assert unused == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_words_are_written_in_scripts(path: Path) -> None:
    assert [text for text in literals(path.read_text(encoding="utf-8")) if is_words(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_words_are_written_in_templates(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = r'(?:aria-label|title|placeholder|alt|content)="([^"]*)"'
    said = [value for value in re.findall(named, text) if not re.match(r"width=|light dark", value)]
    between = [part.strip() for part in re.sub(r"<[^>]*>", "\n", text, flags=re.DOTALL).split("\n")]
    left = [part for part in (*between, *said) if re.search(r"[^\W\d_]{2,}", part) and part not in SAME]
    assert left == []


def literals(script: str) -> Iterator[str]:
    """String and template literals outside comments, without what template literals fill in."""
    token = r"""(//[^\n]*|/\*.*?\*/)|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`"""
    for comment, *texts in re.findall(token, script, re.DOTALL):
        if not comment:
            yield re.sub(r"\$\{[^}]*\}", " ", next((text for text in texts if text), ""))


def is_words(text: str) -> bool:
    """Whether somebody would read it: a sentence, or a word that begins one."""
    if text in SAME | KEY_NAMES or re.match(r"Arrow\w+$", text):
        return False
    if re.search(r"[“”„…]", text) and len(text) > 1:
        return True
    return bool(re.match(r"[A-Z][a-z]+(?: |$)", text) or re.search(r"[a-z]{2,} [a-z]{2,}[ a-z]*[.,:!?]", text))
