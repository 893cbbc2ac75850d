"""One line when an activity starts and one when it ends, with the ids that lead to the order and the request.

Never arguments or results: they hold customers' data.
"""

import time
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities import names
from domain.bulk import BulkOrder
from domain.delivery import DeliveryOrder, FenceOrder, PublishOrder
from domain.facts import FactsRequest
from domain.proof_mails import LinkRenewal, ProofMail
from domain.records import Record
from domain.releases import ReleaseOrder

log = structlog.get_logger(__name__)

# Several times a command or a minute, and over in milliseconds: their end says it all.
_BRIEF = frozenset(
    {names.RECORD, names.READ_FACTS, names.READ_RECEIPT, names.POLL_ACKS, names.ALIGN_ACK_POLLS}
)


class ActivityLog(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Logged(next)


class _Logged(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        brief = info.activity_type in _BRIEF
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(
            activity=info.activity_type, attempt=info.attempt, **ids(*input.args)
        ):
            (log.debug if brief else log.info)("activity_started")
            try:
                result = await super().execute_activity(input)
            except BaseException as error:
                code = error.type if isinstance(error, ApplicationError) else type(error).__name__
                log.warning("activity_failed", error=code, duration_ms=_ms_since(began))
                raise
            log.info("activity_ended", duration_ms=_ms_since(began))
            return result


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


def ids(argument: object = None, *_more: object) -> dict[str, Any]:
    """What an activity's argument is about."""
    match argument:
        case DeliveryOrder():
            export_id = argument.delivery.export_id
            return _said(
                argument.org_id, argument.request_id, draft_id=argument.draft_id, export_id=export_id
            )
        case PublishOrder() | FenceOrder():
            return _said(argument.org_id, argument.request_id, export_id=argument.export_id)
        case BulkOrder() | ReleaseOrder() | ProofMail() | LinkRenewal():
            about = argument.model_dump(include={"bulk_id", "connection_id", "color_up_id", "link_id"})
            return _said(argument.org_id, None, **about)
        case FactsRequest():
            return _said(argument.org_id, None, draft_id=argument.draft_id)
        case [Record() as first, *_]:
            request_id = next((entry.request_id for entry in first.audit if entry.request_id), None)
            return _said(first.org_id, request_id, draft_id=first.draft_id) | {"sequence": first.sequence}
    return {}


def _said(org_id: object, request_id: str | None, **about: object) -> dict[str, Any]:
    known = {"org_id": str(org_id), **{name: str(value) for name, value in about.items()}}
    return known if request_id is None else known | {"request_id": request_id}
