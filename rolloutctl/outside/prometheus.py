"""Instant queries to a Prometheus server, from the operator's side."""

from __future__ import annotations

from rolloutctl.rules.metrics import FromPrometheus
from rolloutctl.rules.records import read_object

_MOST = 1_000_000  # characters of an answer


def ask_prometheus(source: FromPrometheus, seconds: float) -> tuple[float | None, str]:
    """The number that a query yields, or None and why there is none. The answer's own words are not repeated.

    The form of the answer: https://prometheus.io/docs/prometheus/latest/querying/api/
    """
    import httpx  # noqa: PLC0415 - only where something is asked from outside

    try:
        answer = httpx.get(
            f"{source.url.rstrip('/')}/api/v1/query",
            params={"query": source.query},
            headers=dict(source.headers),
            timeout=seconds,
            follow_redirects=False,
        )
    except httpx.TimeoutException:
        return None, f"no answer within {seconds:g} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return None, f"no answer: {type(error).__name__}"
    if not answer.is_success:
        return None, f"it answers {answer.status_code}"
    return _number_in(answer.text[:_MOST])


def _number_in(text: str) -> tuple[float | None, str]:
    data = read_object(text).get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar" and isinstance(result, list):
        return _float(result[-1:])
    if kind != "vector" or not isinstance(result, list):
        return None, "its answer is no vector and no scalar"
    if len(result) != 1:
        return None, "the query yields nothing" if not result else f"the query yields {len(result)} series, and not one"
    value = result[0].get("value") if isinstance(result[0], dict) else None
    return _float(value[-1:] if isinstance(value, list) else [])


def _float(last: list[object]) -> tuple[float | None, str]:
    try:
        return float(str(last[0])), ""
    except (ValueError, IndexError):
        return None, "its answer holds no number"
