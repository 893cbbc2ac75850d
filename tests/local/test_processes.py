import asyncpg

from local.postgres import DatabaseUrls
from local.temporal import NAMESPACE, SEARCH_ATTRIBUTES


async def test_the_database_is_migrated_and_the_application_owns_nothing(postgres: DatabaseUrls) -> None:
    connection = await asyncpg.connect(postgres.app.replace("+asyncpg", ""))
    try:
        assert await connection.fetchval("SELECT to_regclass('draft_order') IS NOT NULL")
        assert not await connection.fetchval(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = user"
        )
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE tableowner = user") == 0
        assert await connection.fetchval("SHOW fsync") == "on"
    finally:
        await connection.close()


async def test_temporal_keeps_workflows_for_90_days_and_knows_our_search_attributes(temporal: str) -> None:
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.client import Client

    client = await Client.connect(temporal, namespace=NAMESPACE)
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=NAMESPACE)
    )
    assert described.config.workflow_execution_retention_ttl.seconds == 90 * 24 * 3600
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=NAMESPACE)
    )
    assert set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes)
