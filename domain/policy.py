"""An org's settings, as the rules read them. Source: api.md, `/org/settings`."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from domain.statuses import ProductionGate
from domain.values import Price


class OrgPolicy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    production_gate: ProductionGate = ProductionGate.DECORATED
    four_eyes: bool = False
    reminder_cap: int = Field(5, ge=0, le=5)
    reminder_hour: int = Field(8, ge=0, le=23)
    ack_overdue_hours: int = Field(24, ge=1, le=24 * 365)
    ack_window_days: int = Field(14, ge=1, le=365)
    price_tolerance_percent: Price = Field(Decimal(0), le=100)
