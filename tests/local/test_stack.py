import httpx

from local.stack import Stack


async def test_the_stack_serves_seeded_people_of_two_orgs(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url, trust_env=False) as client:
        assert (await client.get("/readyz")).status_code == 200
        for org in ("demo", "other"):
            body = {"org_slug": org, "email": f"ops@{org}.example", "password": "countersign-demo"}
            token = (await client.post("/auth/login", json=body)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            customers = (await client.get("/customers?q=Muster", headers=headers)).json()["data"]
            assert "Muster GmbH" in {customer["name"] for customer in customers}
            assert all(
                customer["erp_customer_number"] for customer in customers if customer["name"] == "Muster GmbH"
            )
            assert (await client.get("/products", headers=headers)).json()["data"]


async def test_demo_has_an_active_connection_to_the_embedded_dropzone_and_other_has_none(
    stack: Stack,
) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url, trust_env=False) as client:
        found = {}
        for org in ("demo", "other"):
            body = {"org_slug": org, "email": f"integrator@{org}.example", "password": "countersign-demo"}
            token = (await client.post("/auth/login", json=body)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            found[org] = (await client.get("/connectors", headers=headers)).json()["data"]
            if org == "demo":
                tested = await client.post(
                    f"/connectors/{found[org][0]['id']}/test", headers=headers, timeout=20
                )
                assert tested.status_code == 200, tested.text
    assert [one["status"] for one in found["demo"]] == ["ACTIVE"]
    assert found["demo"][0]["host_key_fingerprints"] == [stack.host_key_fingerprint]
    assert not [one for one in found["other"] if one["status"] != "DISABLED"]
