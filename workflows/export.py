"""One export as a story: stage, publish, wait while the connection is paused; when it fails, fence.

Source: design.md, "Exactly once".
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain import events as ev
    from domain.delivery import (
        Delivery,
        DeliveryOrder,
        FenceOrder,
        FenceOutcome,
        PublishOrder,
        PublishOutcome,
        PublishResult,
        StagedFile,
        StageResult,
    )
    from domain.draft import Draft, Export, ExportError
    from domain.transport import TransportCode
    from workflows import policies

_MAX_LOST = 2
_HOLDS = "wait-while-the-connection-is-paused"

# returns when the pause is over; takes the sentence that says what is waited for
Hold = Callable[[str], Awaitable[None]]


@dataclass
class _Progress:
    """Who asked, and how far the export came; what the fence has to know."""

    request_id: str | None
    stages: int = 0
    lost: int = 0
    holds: int = 0
    staged: StageResult | None = None
    publishing: StagedFile | None = None


async def hand_over(
    draft: Draft, export: Export, document: str, window: timedelta, hold: Hold, request_id: str | None = None
) -> ev.Event:
    """Deliver `document`; return `ExportSent` or `ExportFailed`. Never raises for a failed delivery.

    `window` bounds all tries together, and begins anew after a pause of the connection. Activity ids follow
    from the attempt, so a repeat of any step names the same thing.
    """
    progress = _Progress(request_id)
    while True:
        try:
            return await _deliver(draft, export, document, progress, workflow.now() + window)
        except ActivityError as error:
            cause = _cause(error)
        # a run from before pauses gave up here; only its history says so
        if cause.type != policies.HELD or not workflow.patched(_HOLDS):
            return await _give_up(draft, export, progress, cause)
        await hold(cause.message)
        progress.holds += 1


async def _deliver(
    draft: Draft, export: Export, document: str, progress: _Progress, until: datetime
) -> ev.Event:
    """Go on from where `progress` stands."""
    while True:
        if progress.staged is None:
            progress.staged = await _stage(draft, export, document, progress, until - workflow.now())
        try:
            published = await _publish(draft, export, progress.staged, progress, until - workflow.now())
        except ActivityError as error:
            # nobody can have published what was lost on the first try: the same document again
            if _cause(error).type == policies.LOST and progress.lost < _MAX_LOST:
                progress.lost += 1
                progress.staged = progress.publishing = None
                continue
            raise
        return ev.ExportSent(
            export_id=export.id,
            dropzone_path=published.dropzone_path,
            unconfirmed=published.outcome is PublishOutcome.UNCONFIRMED,
        )


def _step(export: Export, verb: str, progress: _Progress) -> str:
    again = f"-{progress.stages}" if progress.stages > 1 else ""
    after = f"-after-pause-{progress.holds}" if progress.holds else ""
    return f"export-{export.attempt}-{verb}{again}{after}"


async def _stage(
    draft: Draft, export: Export, document: str, progress: _Progress, left: timedelta
) -> StageResult:
    progress.stages += 1
    order = DeliveryOrder(
        org_id=draft.org_id,
        draft_id=draft.id,
        connection_id=export.connection_id,
        storage_key=export.storage_key,
        delivery=Delivery(
            export_id=export.id,
            file_name=export.file_name,
            document=document,
            sha256=export.sha256,
            size_bytes=export.size_bytes,
        ),
        request_id=progress.request_id,
    )
    result: StageResult = await workflow.execute_activity(
        names.STAGE,
        order,
        result_type=StageResult,
        activity_id=_step(export, "stage", progress),
        summary=f"upload {export.file_name} under a temporary name",
        schedule_to_close_timeout=_positive(left),
        start_to_close_timeout=policies.STAGE.start_to_close,
        heartbeat_timeout=policies.STAGE.heartbeat,
        retry_policy=policies.STAGE.retry,
    )
    return result


async def _publish(
    draft: Draft, export: Export, staged: StageResult, progress: _Progress, left: timedelta
) -> PublishResult:
    progress.publishing = staged.staged
    result: PublishResult = await workflow.execute_activity(
        names.PUBLISH,
        PublishOrder(
            org_id=draft.org_id,
            connection_id=export.connection_id,
            export_id=export.id,
            staged=staged.staged,
            log_row=staged.log_row,
            stage_note=staged.note,
            request_id=progress.request_id,
        ),
        result_type=PublishResult,
        activity_id=_step(export, "publish", progress),
        summary=f"rename to {export.file_name}",
        schedule_to_close_timeout=_positive(left),
        start_to_close_timeout=policies.PUBLISH.start_to_close,
        heartbeat_timeout=policies.PUBLISH.heartbeat,
        retry_policy=policies.PUBLISH.retry,
    )
    return result


async def _give_up(draft: Draft, export: Export, progress: _Progress, cause: ApplicationError) -> ev.Event:
    code = cause.type or TransportCode.SERVER_ERROR.value
    conflict = code == TransportCode.FINAL_FILE_CONFLICT
    order = FenceOrder(
        org_id=draft.org_id,
        connection_id=export.connection_id,
        export_id=export.id,
        staged=None if conflict else progress.publishing,
        code=code,
        message=cause.message,
        request_id=progress.request_id,
    )
    try:
        fenced = await workflow.execute_activity(
            names.FENCE,
            order,
            result_type=FenceOutcome,
            activity_id=f"export-{export.attempt}-fence",
            summary="make sure that nothing of this export can still appear",
            start_to_close_timeout=policies.FENCE.start_to_close,
            heartbeat_timeout=policies.FENCE.heartbeat,
            retry_policy=policies.FENCE.retry,
        )
    except ActivityError:
        untouched = order.staged is None
        fenced = FenceOutcome.NOT_SENT if untouched else FenceOutcome.MAY_HAVE_BEEN_SENT
    may_have_been_sent = fenced is FenceOutcome.MAY_HAVE_BEEN_SENT
    if conflict:
        may_have_been_sent = not (cause.details and cause.details[0].get("staged_present"))
    return ev.ExportFailed(
        export_id=export.id,
        error=ExportError(code=code, message=cause.message, at=workflow.now()),
        may_have_been_sent=may_have_been_sent,
    )


def _cause(error: ActivityError) -> ApplicationError:
    """The last try's own words; a plain timeout gets a sentence of ours."""
    cause: BaseException | None = error.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    if isinstance(cause, ApplicationError):
        return cause
    return ApplicationError("The delivery did not finish within its time", type="DELIVERY_TIMEOUT")


def _positive(left: timedelta) -> timedelta:
    return max(left, timedelta(milliseconds=1))
