"""A worker: runs drafts' workflows and their activities against any Temporal. `python worker.py`."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.ack_poll import AckPoller
from activities.ack_schedules import AckScheduler
from activities.bulk import BulkCommands
from activities.callbacks import Callbacks
from activities.connection_slots import ACTIVITIES_AT_ONCE
from activities.delivery import DeliveryActivities
from activities.digest_letters import DigestLetters
from activities.forgotten_exports import ForgottenExports
from activities.line_facts import LineLookups
from activities.mailing import Mailer
from activities.notices import Notices
from activities.observed import ActivityLog
from activities.projection import ProjectionActivities
from activities.proof_mails import ProofMails
from activities.proofs import ProofActivities
from activities.reconciliation import Reconciler
from activities.recorded import Recorded
from activities.releases import Releases
from activities.reminders import Mornings, ReminderCheck
from activities.sweeping import Sweeper
from activities.untold_decisions import UntoldDecisions
from commands.draft_orders import DraftOrders
from commands.errands import Errands
from commands.open_drafts import OpenDrafts
from commands.proofs import Proofs
from commands.reminders import Reminders
from commands.schedules import AckSchedules, ensure_schedules
from config.keys import KeyRing
from config.logs import configure_logs
from config.metrics import WorkerMetrics
from config.metrics_port import sdk_runtime, served
from config.sandbox import runner
from config.settings import Settings, SettingsError, load_settings
from config.telemetry import tracing
from config.temporal import connect
from connectors.mail_server import SmtpServer
from connectors.policy import ConnectorPolicy
from connectors.port import ERPConnectorPort
from connectors.registry import build_connectors
from storage.database import Database
from storage.documents import Documents
from workflows.acks import AckPollWorkflow, AckSchedulesWorkflow
from workflows.bulk import BulkCommandWorkflow
from workflows.callbacks import RelayCallbacksWorkflow, SettleCallbackWorkflow
from workflows.draft_order import DraftOrderWorkflow
from workflows.notices import LineNoticeWorkflow, RelayNoticesWorkflow
from workflows.proof import ProofApprovalWorkflow
from workflows.proof_links import ProofLinkWorkflow
from workflows.reconciliation import ReconcileWorkflow
from workflows.release import ReleaseWorkflow
from workflows.reminders import ReminderCheckWorkflow, ReminderDigestWorkflow
from workflows.sweep import SweepWorkflow

log = structlog.get_logger("worker")

WORKFLOWS: tuple[type, ...] = (
    DraftOrderWorkflow,
    ReconcileWorkflow,
    ReleaseWorkflow,
    BulkCommandWorkflow,
    ProofApprovalWorkflow,
    SweepWorkflow,
    SettleCallbackWorkflow,
    RelayCallbacksWorkflow,
    LineNoticeWorkflow,
    RelayNoticesWorkflow,
    AckPollWorkflow,
    AckSchedulesWorkflow,
    ProofLinkWorkflow,
    ReminderDigestWorkflow,
    ReminderCheckWorkflow,
)


def deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """Which version of the code this worker is, for a rollout in steps (docs/upgrades.md, ADR 0007)."""
    if settings.deployment_name is None or settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment_name, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


def build_worker(
    client: Client,
    settings: Settings,
    database: Database,
    keys: KeyRing,
    counted: WorkerMetrics | None = None,
    connectors: Mapping[str, ERPConnectorPort[Any]] | None = None,
) -> Worker:
    """The one place where activities meet what they need. Tracing comes with the client.

    Whoever passes `connectors` closes them when the worker has ended.
    """
    counted, recorded = counted or WorkerMetrics(), Recorded()
    projection = ProjectionActivities(database, settings.delivery_window_s, counted, recorded)
    connectors = connectors or build_connectors(ConnectorPolicy.from_settings(settings))
    delivery = DeliveryActivities(
        database,
        Documents(settings.documents_url),
        keys,
        connectors,
        counted,
        recorded,
    )
    drafts = DraftOrders(client, settings.task_queue, settings.answer_within_s)
    proofs = Proofs(client, settings.task_queue, settings.answer_within_s)
    proof_activities = ProofActivities(database, drafts, proofs)
    errands = Errands(client, settings.task_queue, settings.answer_within_s)
    mailer = Mailer(database, SmtpServer.from_settings(settings))
    mails = ProofMails(database, mailer, settings.public_url)
    reminders = Reminders(client, settings.task_queue, settings.answer_within_s)
    lookups = LineLookups(database, proofs.start, reminders.start)
    callbacks = Callbacks(database, proofs, errands)
    untold = UntoldDecisions(database, proofs)
    notices = Notices(database, drafts, errands, proofs.start, untold_decisions=untold.relay)
    schedules = AckSchedules(client, settings.task_queue, settings.ack_poll_s)
    mornings = Mornings(database, mailer, DigestLetters(settings.public_url), reminders)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=[
            projection.record,
            projection.read_facts,
            projection.read_receipt,
            lookups.read,
            lookups.look_up,
            delivery.stage,
            delivery.publish,
            delivery.fence,
            Reconciler(database, OpenDrafts(client), ForgottenExports(database, errands)).run,
            BulkCommands(database, drafts).step,
            proof_activities.decide,
            proof_activities.tell,
            Sweeper(database, keys, connectors, settings.sweep_after_s, counted).run,
            Releases(database, drafts, settings.resume_per_s).release,
            AckPoller(database, keys, connectors, drafts, settings.ack_settle_s, counted).run,
            AckScheduler(database, schedules).run,
            mails.send_proof,
            mails.renew_link,
            callbacks.settle,
            callbacks.relay,
            notices.tell,
            notices.relay,
            mornings.plan,
            mornings.escalate,
            mornings.send,
            ReminderCheck(database, reminders).run,
        ],
        interceptors=[ActivityLog()],
        workflow_runner=runner(),
        deployment_config=deployment(settings),
        max_cached_workflows=settings.cached_drafts,
        max_concurrent_activities=ACTIVITIES_AT_ONCE,
        graceful_shutdown_timeout=timedelta(seconds=30),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish what runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keys = KeyRing.from_settings(settings)
    traced, counted = tracing(settings, "countersign-worker"), WorkerMetrics()
    connectors = build_connectors(ConnectorPolicy.from_settings(settings))
    database = Database(
        settings.database_url.get_secret_value(), pool_size=20, tracer=traced.tracer if traced else None
    )
    try:
        client = await connect(
            keys, interceptors=[traced.interceptor] if traced else [], runtime=sdk_runtime(settings)
        )
        await ensure_schedules(client, settings)
        with served(counted.registry, settings):
            async with build_worker(client, settings, database, keys, counted, connectors):
                log.info("worker_started", task_queue=settings.task_queue)
                await stop.wait()
                log.info("worker_stopping")
    finally:
        for connector in connectors.values():
            await connector.close()
        await database.dispose()
        if traced is not None:
            traced.shutdown()


def main() -> int:
    try:
        settings = load_settings()
        configure_logs(settings.log_level)
        asyncio.run(serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except RuntimeError as error:
        sys.stderr.write(f"Temporal cannot be reached: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
