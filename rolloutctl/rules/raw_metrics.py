"""What `metrics` of environments.yaml may hold: each key with its type, default and description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from rolloutctl.rules import written
from rolloutctl.rules.raw_types import (
    Duration,
    Headers,
    Keys,
    Names,
    RequestPath,
    Setting,
    Statuses,
    Switch,
    Text,
    Url,
    about,
    type_of,
)

_NUMBER = r"-?[0-9]{1,12}(\.[0-9]{1,9})?"
LIMIT = rf"^(<=|<|>=|>) *({_NUMBER})$"
FACTOR = r"^([0-9]{1,6}(\.[0-9]{1,6})?)x$"
SUSTAINED = r"^([0-9]{1,3}) of ([0-9]{1,3})$"


class MetricKeys(Keys, rename={"sustained": "for", "number": "field"}):
    """Something that is measured again and again: where it comes from, and how it should be."""

    source: Annotated[
        Annotated[
            Literal["request", "log", "redis", "mysql", "run", "prometheus"],
            type_of("request, log, redis, mysql, run or prometheus"),
        ],
        about("Where the value comes from"),
    ]
    description: Annotated[
        Annotated[str, type_of("text (put a number in quotes)")], about("What it tells, for people")
    ] = ""
    unit: Annotated[
        Annotated[str, Meta(max_length=20), type_of("a short text, up to 20 characters")] | UnsetType,
        about("What the value is counted in; default: what the source says"),
    ] = UNSET
    limit: Annotated[
        Annotated[str, Meta(pattern=LIMIT), type_of('a sign and a number such as "<= 0.05" or ">= 80"')] | None,
        about('How the value should be: "<= 0.05"'),
    ] = None
    worse: Annotated[
        Annotated[str, Meta(pattern=FACTOR), type_of("a factor other than 1, such as 2x or 0.5x", check=written.factor)]
        | None,
        about("How many times the value from before the change is too bad; below 1x, a fall is bad"),
    ] = None
    sustained: Annotated[
        Annotated[
            str,
            Meta(pattern=SUSTAINED),
            type_of("such as 3 of 5: the first at least 2, the second at most 100", check=written.sustained),
        ],
        about("How many of the newest samples have to be beyond for a failure"),
    ] = "3 of 5"
    guard: Annotated[Switch, about("Whether its failure switches the flag off, under a guard")] = False
    hosts: Annotated[
        Annotated[Literal["every", "first"], type_of("every or first")] | None,
        about("Measured on every host, or on the first; default: every for request and log, else first"),
    ] = None
    environments: Annotated[Names, about("Where it is measured; default: in every environment")] = []
    timeout: Annotated[Duration, about("How long one measurement may take")] = "10s"
    value: Annotated[
        Annotated[
            Literal["failed", "ms", "status", "hit_ratio", "evicted"],
            type_of("failed, ms or status of a request, hit_ratio or evicted of redis"),
        ]
        | None,
        about("What is measured. request: failed (default), ms or status; redis: hit_ratio (default) or evicted"),
    ] = None
    number: Annotated[
        Setting | None,
        about("Instead of value. request: the dotted place of a number in the JSON body; redis: a number of INFO"),
    ] = None
    path: Annotated[RequestPath | None, about("request: the path, asked on each host of itself")] = None
    expect: Annotated[Statuses, about("request: the statuses that are no failure")] = 200
    json: Annotated[
        Annotated[dict[str, Any], type_of("a mapping")], about("request: what the JSON body must hold, or it failed")
    ] = field(default_factory=dict)
    outside: Annotated[Switch, about("request: ask from the operator's side, through the environment's `url`")] = False
    headers: Annotated[Headers, about("request, prometheus: headers; ${NAME} stands for a secret")] = field(
        default_factory=dict
    )
    file: Annotated[Text, about("log: its path, relative to app; * stands for what changes from day to day")] = (
        "storage/logs/laravel.log"
    )
    level: Annotated[
        Annotated[
            Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"],
            type_of("a level such as error"),
        ]
        | None,
        about("log: entries of this level or a worse one; default: of any"),
    ] = None
    pattern: Annotated[
        Annotated[str, Meta(pattern=r"\S"), type_of("an extended regular expression", check=written.pattern)] | None,
        about("log: entries in which this extended regular expression is found, whatever the case; default: all"),
    ] = None
    client: Annotated[
        Text | None,
        about("redis, mysql: how a shell line calls the client, such as `redis-cli -n 1`; default: redis-cli, mysql"),
    ] = None
    query: Annotated[Text | None, about("mysql, prometheus: a query that yields one number")] = None
    run: Annotated[Text | None, about("run: a shell line that prints a number, run in the application's folder")] = None
    url: Annotated[Url | None, about("prometheus: where it is, such as http://prometheus:9090")] = None
