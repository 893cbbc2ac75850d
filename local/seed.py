"""What a fresh local stack holds: orgs, users, customers, products, demo's connection and callback secret.

For trying only; production starts empty (`countersign admin create-org`). Every row's id follows from its
name, so writing it again changes nothing.
"""

import csv
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncConnection

from api.passwords import hash_in_thread, verify_in_thread
from config.keys import KeyRing, callback_secret_owner, connection_owner
from connectors.dropzone_config import DropzoneConfig
from local.child import ROOT
from storage import callback_secrets, connections, customers, organizations, products, users
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
FOLLOWED = ("port", "host_key_fingerprints")


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
        keys = KeyRing(environment["ENCRYPTION_MASTER_KEY"])
        config = _dropzone(environment["COUNTERSIGN_SFTP_PASSWORD"], host_key_fingerprint, sftp_port)
        async with database.transaction(seeded_id("demo")) as connection:
            await _connection(connection, keys, config, at)
            await _callback_secret(connection, keys, environment["DEMO_CALLBACK_SECRET"], at)
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
    try:
        await organizations.get_settings(connection, org_id)
    except NoResultFound:
        await organizations.create_org(connection, org_id, slug, name, at)


async def _users(connection: AsyncConnection, org_id: UUID, slug: str, at: datetime) -> None:
    """Also gives them the password of today's COUNTERSIGN_DEMO_PASSWORD."""
    admin = await users.get_user(connection, org_id, seeded_id(slug, "user", "admin"))
    if admin is not None and await verify_in_thread(admin["password_hash"], demo_password()):
        return
    password_hash = await hash_in_thread(demo_password())
    for login, (role, name) in USERS.items():
        user_id = seeded_id(slug, "user", login)
        known = await users.get_user(connection, org_id, user_id, lock=True)
        if known is not None:
            await users.update_user(connection, known, {"password_hash": password_hash}, at)
            continue
        values = {"id": user_id, "org_id": org_id, "email": f"{login}@{slug}.example", "name": name}
        await users.create_user(connection, values | {"role": role, "password_hash": password_hash}, at)


async def _customers(connection: AsyncConnection, org_id: UUID, slug: str, at: datetime) -> None:
    examples: list[dict[str, Any]] = json.loads((EXAMPLES / "customers.json").read_text())
    known = await customers.ids_by_number(
        connection, org_id, [one["erp_customer_number"] for one in examples]
    )
    for one in examples:
        if one["erp_customer_number"] not in known:
            customer_id = seeded_id(slug, "customer", one["erp_customer_number"])
            values = {"internal_review_default": False, **one}
            await customers.create_customer(connection, org_id, customer_id, values, at)


async def _products(connection: AsyncConnection, org_id: UUID, at: datetime) -> None:
    with (EXAMPLES / "products.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        values: dict[str, Any] = {name: row[name] for name in ("internal_sku", "name", "base_uom")}
        values |= {"uom_conversions": json.loads(row["uom_conversions_json"]), "price": None}
        await products.insert_product(connection, org_id, values | {"active": row["active"] == "true"}, at)


async def _connection(
    connection: AsyncConnection, keys: KeyRing, config: DropzoneConfig, at: datetime
) -> None:
    org_id, connection_id = seeded_id("demo"), seeded_id("demo", "connection")
    public = config.public_view()
    sealed = keys.encrypt(config.dump(), connection_owner(org_id, connection_id))
    found = await connections.get(connection, org_id, connection_id, lock=True)
    if found is None and await connections.active(connection, org_id) is None:
        values = {"id": connection_id, "org": org_id, "connector_type": CONNECTOR_TYPE}
        values |= {"config_encrypted": sealed, "public_config": public}
        await connections.insert(connection, values, at)
    elif found is not None and any(found["public_config"][name] != public[name] for name in FOLLOWED):
        await connections.save_config(connection, org_id, connection_id, sealed, public, at)


async def _callback_secret(connection: AsyncConnection, keys: KeyRing, secret: str, at: datetime) -> None:
    """Once: who revokes it finds it revoked after the next start as well."""
    org_id, secret_id = seeded_id("demo"), seeded_id("demo", "callback-secret")
    if await callback_secrets.get(connection, org_id, secret_id) is None:
        values = {"id": secret_id, "org": org_id, "name": "Demo", "user": None}
        sealed = keys.encrypt(secret.encode(), callback_secret_owner(org_id, secret_id))
        await callback_secrets.insert(connection, values | {"secret_encrypted": sealed}, at)
