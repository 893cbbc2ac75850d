"""What a fresh local stack holds: two orgs, their users, customers, products, and demo's connection.

For trying only; production starts empty (`countersign admin create-org`). Every row's id follows from its
name, so writing it again changes nothing.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.keys import KeyRing, connection_owner
from connectors.dropzone_config import DropzoneConfig
from local.child import ROOT
from storage.database import Database

ORGS = {"demo": "Demo Textil GmbH", "other": "Other Workwear GmbH"}
USERS = {
    "admin": ("ADMIN", "Anna Admin"),
    "ops": ("OPS", "Olga Ops"),
    "ops2": ("OPS", "Otto Ops"),
    "production": ("PRODUCTION", "Paul Production"),
    "integrator": ("INTEGRATOR", "Ines Integrator"),
    "viewer": ("VIEWER", "Viktor Viewer"),
}
EXAMPLES = ROOT / "examples"
CONNECTOR_TYPE = "DROPZONE_JSON_V1"


def demo_password() -> str:
    return os.environ.get("COUNTERSIGN_DEMO_PASSWORD") or "countersign-demo"


def seeded_id(*names: str) -> UUID:
    return uuid5(NAMESPACE_URL, "/".join(("countersign-local", *names)))


async def seed(environment: Mapping[str, str], host_key_fingerprint: str, sftp_port: int) -> None:
    """Write what is missing. demo's connection follows the dropzone's port and host key."""
    database = Database(environment["DATABASE_URL"])
    at = datetime.now(UTC)
    try:
        for slug, name in ORGS.items():
            org_id = seeded_id(slug)
            async with database.transaction(org_id) as connection:
                await _org(connection, org_id, slug, name, at)
                await _users(connection, org_id, slug, at)
                await _customers(connection, org_id, slug, at)
                await _products(connection, org_id, at)
        config = _dropzone(environment["COUNTERSIGN_SFTP_PASSWORD"], host_key_fingerprint, sftp_port)
        async with database.transaction(seeded_id("demo")) as connection:
            await _connection(connection, KeyRing(environment["ENCRYPTION_MASTER_KEY"]), config, at)
    finally:
        await database.dispose()


def _dropzone(password: str, fingerprint: str, port: int) -> DropzoneConfig:
    return DropzoneConfig.parse(
        {
            "mode": "sftp",
            "host": "127.0.0.1",
            "port": port,
            "username": "demo",
            "password": password,
            "host_key_fingerprints": [fingerprint],
            "export_path": "/orders",
            "ack_path": "/acks",
        }
    )


async def _org(connection: AsyncConnection, org_id: UUID, slug: str, name: str, at: datetime) -> None:
    await connection.execute(
        text(
            "INSERT INTO org (id, slug, name, created_at) VALUES (:id, :slug, :name, :at) "
            "ON CONFLICT (id) DO NOTHING"
        ),
        {"id": org_id, "slug": slug, "name": name, "at": at},
    )


async def _users(connection: AsyncConnection, org_id: UUID, slug: str, at: datetime) -> None:
    hasher = PasswordHasher()
    known = await connection.scalar(
        text("SELECT password_hash FROM app_user WHERE id = :id"), {"id": seeded_id(slug, "user", "admin")}
    )
    try:
        if known is not None and hasher.verify(known, demo_password()):
            return
    except VerificationError:
        pass
    password_hash = hasher.hash(demo_password())
    rows = [
        {
            "id": seeded_id(slug, "user", login),
            "org": org_id,
            "email": f"{login}@{slug}.example",
            "name": name,
            "role": role,
            "hash": password_hash,
            "at": at,
        }
        for login, (role, name) in USERS.items()
    ]
    await connection.execute(
        text(
            "INSERT INTO app_user (id, org_id, email, name, role, password_hash, created_at, updated_at) "
            "VALUES (:id, :org, :email, :name, :role, :hash, :at, :at) "
            "ON CONFLICT (id) DO UPDATE SET password_hash = excluded.password_hash, "
            "updated_at = excluded.updated_at"
        ),
        rows,
    )


async def _customers(connection: AsyncConnection, org_id: UUID, slug: str, at: datetime) -> None:
    customers: list[dict[str, Any]] = json.loads((EXAMPLES / "customers.json").read_text())
    await connection.execute(
        text(
            "INSERT INTO customer (id, org_id, name, erp_customer_number, default_currency, time_zone, "
            "created_at, updated_at) VALUES (:id, :org, :name, :erp_customer_number, :default_currency, "
            ":time_zone, :at, :at) ON CONFLICT DO NOTHING"
        ),
        [
            one | {"id": seeded_id(slug, "customer", one["erp_customer_number"]), "org": org_id, "at": at}
            for one in customers
        ],
    )


def example_products() -> Iterator[dict[str, str]]:
    with (EXAMPLES / "products.csv").open(newline="") as file:
        yield from csv.DictReader(file)


async def _products(connection: AsyncConnection, org_id: UUID, at: datetime) -> None:
    await connection.execute(
        text(
            "INSERT INTO product (org_id, internal_sku, name, base_uom, uom_conversions, active, "
            "created_at, updated_at) VALUES (:org, :internal_sku, :name, :base_uom, "
            "cast(:conversions AS jsonb), :active, :at, :at) ON CONFLICT DO NOTHING"
        ),
        [
            {
                "org": org_id,
                "internal_sku": row["internal_sku"],
                "name": row["name"],
                "base_uom": row["base_uom"],
                "conversions": row["uom_conversions_json"],
                "active": row["active"] == "true",
                "at": at,
            }
            for row in example_products()
        ],
    )


async def _connection(
    connection: AsyncConnection, keys: KeyRing, config: DropzoneConfig, at: datetime
) -> None:
    org_id, connection_id = seeded_id("demo"), seeded_id("demo", "connection")
    public = config.public_view()
    found = await connection.scalar(
        text("SELECT public_config FROM erp_connection WHERE id = :id"), {"id": connection_id}
    )
    followed = ("port", "host_key_fingerprints")
    if found is not None and all(found[name] == public[name] for name in followed):
        return
    await connection.execute(
        text(
            "INSERT INTO erp_connection (id, org_id, connector_type, status, config_encrypted, "
            "public_config, created_at, updated_at) VALUES (:id, :org, :type, 'ACTIVE', :config, "
            "cast(:public AS jsonb), :at, :at) ON CONFLICT (id) DO UPDATE SET "
            "config_encrypted = excluded.config_encrypted, "
            "public_config = excluded.public_config, updated_at = excluded.updated_at"
        ),
        {
            "id": connection_id,
            "org": org_id,
            "type": CONNECTOR_TYPE,
            "config": keys.encrypt(config.dump(), connection_owner(org_id, connection_id)),
            "public": json.dumps(public),
            "at": at,
        },
    )
