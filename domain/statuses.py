"""Every status, each with what it means to an operator. Source: domain.md, "Draft status"."""

from enum import StrEnum


class DraftStatus(StrEnum):
    NEW = "NEW"  # number given, nothing read yet
    EXTRACTED = "EXTRACTED"  # data is there, nobody has checked it
    NEEDS_REVIEW = "NEEDS_REVIEW"  # the check found something, or an edit took an approval back
    READY = "READY"  # complete; waits for the operator's approval
    APPROVED = "APPROVED"  # signed by the operator; waits for the other gates, then for a push
    PUSHING = "PUSHING"  # an export is under way
    PUSHED = "PUSHED"  # the document lies in the dropzone
    REJECTED = "REJECTED"  # closed by an operator; terminal
    ERROR = "ERROR"  # the last export failed, or the ERP refused it


class LineStatus(StrEnum):
    """Decorated lines only; the order is the order of progress (see `LINE_PROGRESS`)."""

    NEW = "New"
    AWAITING_LOGO = "Awaiting Logo"
    COLOR_UP_IN_PROGRESS = "Color-Up In Progress"
    INTERNAL_REVIEW = "Internal Review"
    NEEDS_APPROVER = "Needs Approver"
    SENT_FOR_APPROVAL = "Sent for Approval"
    PHONE_CALL = "Phone Call"
    APPROVED = "Approved"
    REVISION_IN_PROGRESS = "Revision In Progress"
    PENDING_PRODUCTION_APPROVAL = "Pending Production Approval"
    PRODUCTION_READY = "Production Ready"
    IN_PRODUCTION = "In Production"
    COMPLETE = "Complete"


CUSTOMER_SIGNED = frozenset(
    {
        LineStatus.APPROVED,
        LineStatus.PENDING_PRODUCTION_APPROVAL,
        LineStatus.PRODUCTION_READY,
        LineStatus.IN_PRODUCTION,
        LineStatus.COMPLETE,
    }
)
PRODUCTION_SIGNED = frozenset({LineStatus.PRODUCTION_READY, LineStatus.IN_PRODUCTION, LineStatus.COMPLETE})


class ExportStatus(StrEnum):
    PENDING = "PENDING"  # tries are running or waiting for the next one
    SENT = "SENT"  # the file was published in the dropzone
    ACKED = "ACKED"  # the ERP has confirmed it
    FAILED = "FAILED"  # given up, or refused by the ERP


class WaitingFor(StrEnum):
    VALIDATION = "validation"
    CORRECTION = "correction"
    OPERATOR_APPROVAL = "operator_approval"
    CUSTOMER_APPROVAL = "customer_approval"
    PRODUCTION_APPROVAL = "production_approval"
    PUSH = "push"
    EXPORT = "export"
    ACK = "ack"
    RETRY = "retry"
    FLOOR = "floor"  # pushed; its decorated lines are not all Complete


class ProductionGate(StrEnum):
    DECORATED = "decorated"  # needed when the draft has decorated lines
    ALWAYS = "always"
    NEVER = "never"


class Role(StrEnum):
    ADMIN = "ADMIN"
    OPS = "OPS"
    PRODUCTION = "PRODUCTION"
    INTEGRATOR = "INTEGRATOR"
    VIEWER = "VIEWER"


class Via(StrEnum):
    """How a command reached the draft."""

    API = "api"
    TEMPORAL = "temporal"
    SYSTEM = "system"
    CUSTOMER = "customer"
    CALLBACK = "callback"
