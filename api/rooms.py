"""What the API holds while it runs: made once by `create_app`, reached through `Depends`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from api.callback_limits import CallbackLimits
from api.login_limits import LoginLimits
from api.open_draft_gauges import OpenDraftGauges
from api.proof_limits import ProofLimits
from api.shared_reads import SharedReads
from api.tokens import Tokens
from commands.draft_orders import DraftOrders
from commands.errands import Errands
from commands.lookout import Lookout
from commands.proofs import Proofs
from commands.pulses import Pulses
from config.keys import KeyRing
from config.metrics import ApiMetrics
from config.settings import Settings
from connectors.port import ERPConnectorPort
from drawings.studio import Studio
from storage.changes import Bell
from storage.database import Database
from storage.documents import Documents


@dataclass(frozen=True)
class Rooms:
    settings: Settings
    database: Database
    drafts: DraftOrders
    proofs: Proofs
    errands: Errands
    pulses: Pulses
    lookout: Lookout
    tokens: Tokens
    keys: KeyRing
    connectors: Mapping[str, ERPConnectorPort[Any]]
    documents: Documents
    bell: Bell
    login_limits: LoginLimits
    proof_limits: ProofLimits = field(default_factory=ProofLimits)
    callback_limits: CallbackLimits = field(default_factory=CallbackLimits)
    metrics: ApiMetrics = field(default_factory=ApiMetrics)
    open_drafts: OpenDraftGauges = field(default_factory=OpenDraftGauges)
    shared_reads: SharedReads = field(default_factory=SharedReads)
    studio: Studio = field(default_factory=Studio)


def rooms_of(request: Request) -> Rooms:
    return cast(Rooms, request.app.state.rooms)


InRooms = Annotated[Rooms, Depends(rooms_of)]
