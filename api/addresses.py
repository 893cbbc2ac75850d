"""Which routes an address means: those that spell it out go before those with a placeholder that fits, too.

`/exports/retry` takes POST; the framework would have `GET /exports/{export_id}` read "retry" as an id.
"""

from collections.abc import Sequence

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.routing import Match


def methods_of(request: Request) -> set[str]:
    """All that the address takes; the framework names those of its first route only."""
    return {method for route in _nearest(request) for method in route.methods or ()}


def spelt_out_elsewhere(request: Request) -> bool:
    """Whether the route that took the request did so by a placeholder, and another spells more of it out."""
    nearest = _nearest(request)
    took = getattr(request.scope.get("route"), "path", None)
    return bool(nearest) and took not in {route.path for route in nearest}


def _nearest(request: Request) -> list[APIRoute]:
    """Those with the fewest placeholders, whatever their method."""
    routes: Sequence[APIRoute] = getattr(request.app.state, "routes", ())
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    fewest = min((len(route.param_convertors) for route in fitting), default=0)
    return [route for route in fitting if len(route.param_convertors) == fewest]
