"""What reaches the agents, and in which order."""

from __future__ import annotations

import datetime
from itertools import islice

from demo.catalogue import CUSTOMERS, build_shop
from demo.conversations import DESK_CYCLE, SCRIPTS, TRIAGE_CYCLE, list_desk_cases, list_triage_cases
from demo.desk_workflows import WORKFLOWS as DESK_WORKFLOWS
from demo.options import AgentOptions
from demo.replies import detect_language, detect_topic
from demo.reply_texts import ANSWERS
from demo.triage_workflows import WORKFLOWS as TRIAGE_WORKFLOWS

TODAY = datetime.date(2026, 3, 14)


def _options(*, first: int = 0, count: int = 0, once: bool = False) -> AgentOptions:
    return AgentOptions(url="", key="", stand_in="", seed=0, rate=0, pace=0, first=first, count=count, once=once)


def test_list_cases__same_seed_and_day__are_the_same() -> None:
    shop = build_shop(3, today=TODAY)

    first, second = list_desk_cases(shop, seed=3), list_desk_cases(build_shop(3, today=TODAY), seed=3)

    assert list(islice(first, 40)) == list(islice(second, 40))


def test_list_cases__other_seed__differ() -> None:
    shop = build_shop(3, today=TODAY)

    assert list(islice(list_desk_cases(shop, seed=3), 40)) != list(islice(list_desk_cases(shop, seed=4), 40))


def test_build_shop__any_seed__gives_every_customer_an_order() -> None:
    shops = [build_shop(seed, today=TODAY) for seed in range(20)]

    assert all(shop.order_of(customer) for shop in shops for customer in CUSTOMERS)
    assert {len(shop.orders) for shop in shops} == {40}


def test_choose_cases__once__takes_each_workflow_once() -> None:
    shop = build_shop(0, today=TODAY)

    desk = [case.workflow for case in _options(once=True).choose_cases(list_desk_cases(shop, seed=0))]
    triage = [case.workflow for case in _options(once=True).choose_cases(list_triage_cases(shop, seed=0))]

    assert sorted(desk) == sorted(set(DESK_CYCLE)) == sorted(DESK_WORKFLOWS)
    assert sorted(triage) == sorted(set(TRIAGE_CYCLE)) == sorted(TRIAGE_WORKFLOWS)


def test_choose_cases__in_parts__go_on_where_the_last_part_ended() -> None:
    shop = build_shop(0, today=TODAY)

    whole = list(_options(count=10).choose_cases(list_desk_cases(shop, seed=0)))
    parts = [_options(first=first, count=5).choose_cases(list_desk_cases(shop, seed=0)) for first in (0, 5)]

    assert [case for part in parts for case in part] == whole


def test_scripts__every_first_message__is_understood_by_the_model() -> None:
    understood = [(detect_topic(turns[0]), detect_language(turns[0])) for _, _, turns in SCRIPTS]

    assert understood == [(topic, language) for topic, language, _ in SCRIPTS]
    assert all(language in ANSWERS[topic] for topic, language in understood)
