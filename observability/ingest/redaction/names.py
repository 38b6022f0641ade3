"""Which names hold secrets: object keys, headers, environment variables, command line flags, URL parameters.

A name is secret by how it *ends*, whatever separates its words and however they are capitalised: `access_token`,
`X-Api-Key`, `openaiApiKey` and `DB.PASSWORD` all are; `max_tokens`, `token_count` and `tokenizer` are not.
Contract `runs-logs.md` A1.5 gives the list; the names around it are the ones that leak most often in practice.
"""

from __future__ import annotations

import re

NAME_LIMIT = 128
"""Bytes. A longer text is no name."""

S = r"[-_. ]?"
"""What may stand between the words of a name."""

SECRET_WORDS = (
    r"token|secret|pass(?:word|wd|phrase|code)|authorization|cookies?"
    rf"|api{S}key"
    rf"|(?:private|secret|access|signing|encryption|master|ssh|auth|account|hmac|service{S}role){S}key"
)
"""Endings of secret names, in text and in JSON."""

SECRET_KEYS = SECRET_WORDS + (
    rf"|secrets|pass(?:word|phrase|code)s|api{S}keys"
    rf"|(?:access|refresh|id|auth|api|bearer|session){S}tokens"
    rf"|(?:private|secret|access|signing|encryption|ssh){S}keys"
)
"""Endings of secret JSON keys. The plurals are left out of free text, where `secrets: ...` is prose."""

HARMLESS_NAMES = (
    r"(?:next|page|prev|previous|continuation|continue|skip|delta|sync|resume|cursor"
    r"|pad|eos|bos|unk|sep|cls|mask|stop|special|start|end|first|last|max|min|per|by|of"
    rf"|prompt|completion|input|output|reasoning|cached|generated|sampled){S}token"
)
"""Names that end in `token` and mean a place in a list, a piece of text or a count."""

_HARMLESS = re.compile(rf"(?:{HARMLESS_NAMES})\Z".encode(), re.IGNORECASE)
_TOKEN = re.compile(rb"token\Z", re.IGNORECASE)


def is_counting_name(name: bytes) -> bool:
    """Tell whether a number under this secret name is a count or a vocabulary id rather than a secret."""
    return _TOKEN.search(name) is not None


def spell_key_name(name: str) -> str:
    """Return the RE2 pattern of one name given by a project, in every spelling that folds to the same letters."""
    letters = [re.escape(letter) for letter in name if not re.fullmatch(S, letter)]
    return S.join(letters)


class SecretNames:
    """Decides whether a name is secret, and remembers: the same few names come in every event."""

    _REMEMBERED = 8_192

    def __init__(self, extra_names: tuple[str, ...]) -> None:
        self._endings = re.compile(rf"(?:{SECRET_KEYS})\Z".encode(), re.IGNORECASE)
        spelled = "|".join(spell_key_name(name) for name in extra_names)
        self._extra = re.compile(rf"(?:{spelled})\Z".encode(), re.IGNORECASE) if spelled else None
        self._known: dict[bytes, bool] = {}

    def __contains__(self, name: bytes) -> bool:
        known = self._known.get(name)
        if known is not None:
            return known
        if len(name) > NAME_LIMIT:
            return False
        if len(self._known) >= self._REMEMBERED:
            self._known.clear()
        self._known[name] = answer = self._decide(name)
        return answer

    def _decide(self, name: bytes) -> bool:
        if self._endings.search(name) and not _HARMLESS.search(name):
            return True
        return self._extra is not None and _ends_at_word(self._extra, name)


def _ends_at_word(pattern: re.Pattern[bytes], name: bytes) -> bool:
    """Tell whether the pattern matches the end of the name, beginning where a word begins."""
    found = pattern.search(name)
    if found is None:
        return False
    at = found.start()
    return at == 0 or not name[at - 1 : at].isalnum() or (name[at : at + 1].isupper() and name[at - 1 : at].islower())
