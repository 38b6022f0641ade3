"""Whom a project asks to judge outputs. The key is written only: nothing reads it back to people."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from observability.errors import InvalidError
from observability.ingest.payloads import UnreadableReplayCopyError, decrypt_replay_copy, encrypt_replay_copy
from reruns.evaluators.judging import NOT_CONFIGURED, LlmJudge, make_question, read_verdict
from reruns.evaluators.subject import Subject, Verdict, broken, judge_output_first, skipped
from reruns.judge import JudgeUnavailableError, ask_judge
from reruns.models import JudgeSettings


def set_judge(*, project_id: int, base_url: str, model: str, key: str | None) -> JudgeSettings:
    """Store the endpoint. `key` None keeps the stored one, as long as the address stays; "" is for none.

    A key is for one address: with another it is dropped, or whoever may change settings could have it sent anywhere.
    Raises `InvalidError` naming the field.
    """
    base_url = base_url.strip().rstrip("/")
    _check(base_url, model, key)
    row = JudgeSettings.objects.filter(pk=project_id).first() or JudgeSettings(project_id=project_id)
    if key is not None:
        row.encrypted_key = encrypt_replay_copy(key.encode(), tuple(settings.ENCRYPTION_KEYS)) if key else None
    elif row.base_url != base_url:
        row.encrypted_key = None
    row.base_url, row.model = base_url, model.strip()
    row.save()
    return row


def remove_judge(*, project_id: int) -> None:
    """Ask nobody any more. Idempotent."""
    JudgeSettings.objects.filter(pk=project_id).delete()


def judge_output(*, check: LlmJudge, subject: Subject, judge: JudgeSettings | None) -> Verdict:
    """Ask the project's judge; without one it is skipped. Takes up to `judge.TIMEOUT_SECONDS`."""
    if (verdict := judge_output_first(subject)) is not None:
        return verdict
    if judge is None:
        return skipped(NOT_CONFIGURED)
    body = make_question(check, subject, model=judge.model)
    try:
        reply = ask_judge(base_url=judge.base_url, key=_read_key(judge), body=body)
    except (JudgeUnavailableError, UnreadableReplayCopyError) as error:
        return broken(str(error))
    return read_verdict(check, reply, model=check.model or judge.model)


def _read_key(judge: JudgeSettings) -> str:
    if judge.encrypted_key is None:
        return ""
    return decrypt_replay_copy(bytes(judge.encrypted_key), tuple(settings.ENCRYPTION_KEYS)).decode()


def _check(base_url: str, model: str, key: str | None) -> None:
    try:
        address = urlsplit(base_url)
        is_usable = address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or address.query or address.fragment or address.username or len(base_url) > 500:
        raise InvalidError("baseUrl: an http or https address is expected, without a query, a user or a fragment")
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise InvalidError("baseUrl: it holds characters that no address has")
    if not model.strip() or len(model) > 200 or "\x00" in model:
        raise InvalidError("model: give 1 to 200 characters")
    if key is not None and (len(key) > 1_000 or not key.isascii() or not key.isprintable()):
        raise InvalidError("key: at most 1000 printable ASCII characters are taken")
