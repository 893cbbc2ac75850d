CREATE TABLE org (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    next_draft_number bigint NOT NULL DEFAULT 1,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);
-- next
CREATE TABLE app_user (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('ADMIN', 'OPS', 'PRODUCTION', 'INTEGRATOR', 'VIEWER')),
    password_hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- next
CREATE UNIQUE INDEX app_user_email ON app_user (org_id, lower(email));
-- next
CREATE TABLE customer (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    name text NOT NULL,
    erp_customer_number text,
    default_currency text,
    time_zone text NOT NULL DEFAULT 'UTC',
    internal_review_default boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (org_id, erp_customer_number)
);
-- next
CREATE TABLE approver (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    customer_id uuid NOT NULL REFERENCES customer,
    name text NOT NULL,
    email text NOT NULL,
    phone text,
    is_primary boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- next
CREATE UNIQUE INDEX approver_email ON approver (customer_id, lower(email));
-- next
CREATE TABLE product (
    org_id uuid NOT NULL REFERENCES org,
    internal_sku text NOT NULL,
    name text NOT NULL,
    base_uom text NOT NULL,
    uom_conversions jsonb NOT NULL DEFAULT '{}',
    active boolean NOT NULL DEFAULT true,
    price numeric,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, internal_sku)
);
-- next
CREATE TABLE customer_price (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    customer_id uuid NOT NULL REFERENCES customer,
    internal_sku text NOT NULL,
    currency text NOT NULL,
    uom text NOT NULL,
    unit_price numeric NOT NULL,
    min_qty numeric NOT NULL DEFAULT 0,
    valid_from date,
    valid_to date,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (customer_id, internal_sku, currency, uom, min_qty, valid_from)
);
-- next
CREATE TABLE draft_order_number (
    org_id uuid NOT NULL REFERENCES org,
    draft_order_id uuid NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (org_id, draft_order_id),
    UNIQUE (org_id, number)
);
-- next
CREATE TABLE draft_order (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    number text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    customer_id uuid,
    customer_name text,
    external_order_number text,
    currency text,
    order_date date,
    waiting_for text,
    decorated boolean NOT NULL,
    customer_signed boolean NOT NULL,
    production_signed boolean NOT NULL,
    approved_at timestamptz,
    approved_by_user_id uuid,
    erp_order_id text,
    creation_digest text,
    run_id text,
    search text NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- next
CREATE INDEX draft_order_newest ON draft_order (org_id, created_at DESC, id DESC);
-- next
CREATE INDEX draft_order_by_status ON draft_order (org_id, status, created_at DESC, id DESC);
-- next
CREATE INDEX draft_order_by_order_number ON draft_order (org_id, customer_id, external_order_number);
-- next
CREATE TABLE draft_order_line (
    draft_order_id uuid NOT NULL REFERENCES draft_order,
    line_no integer NOT NULL,
    org_id uuid NOT NULL REFERENCES org,
    id uuid NOT NULL,
    customer_sku_raw text,
    internal_sku text,
    description text,
    qty numeric,
    uom text,
    unit_price numeric,
    requested_delivery_date date,
    notes text,
    decoration jsonb,
    status text,
    PRIMARY KEY (draft_order_id, line_no)
);
-- next
CREATE TABLE draft_record (
    org_id uuid NOT NULL REFERENCES org,
    draft_order_id uuid NOT NULL,
    sequence integer NOT NULL,
    digest text NOT NULL,
    change jsonb NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    recorded_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (draft_order_id, sequence)
);
-- next
CREATE INDEX draft_record_feed ON draft_record (org_id, recorded_by, position);
-- next
CREATE TABLE command_receipt (
    org_id uuid NOT NULL REFERENCES org,
    draft_order_id uuid NOT NULL,
    command text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    token text NOT NULL,
    sequence integer NOT NULL,
    result jsonb NOT NULL,
    PRIMARY KEY (draft_order_id, command, key)
);
-- next
CREATE TABLE erp_connection (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    connector_type text NOT NULL,
    status text NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED', 'PAUSED')),
    config_encrypted bytea NOT NULL,
    public_config jsonb NOT NULL,
    capabilities jsonb,
    last_test_at timestamptz,
    last_test_result text,
    test_result jsonb,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- next
CREATE UNIQUE INDEX erp_connection_one_active ON erp_connection (org_id) WHERE status = 'ACTIVE';
-- next
CREATE TABLE erp_export (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    draft_order_id uuid NOT NULL REFERENCES draft_order,
    attempt integer NOT NULL,
    version integer NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'SENT', 'ACKED', 'FAILED')),
    connection_id uuid NOT NULL,
    connector_type text NOT NULL,
    file_name text NOT NULL,
    dropzone_path text,
    storage_key text NOT NULL,
    sha256 text NOT NULL,
    size_bytes integer NOT NULL,
    ack_expected boolean NOT NULL,
    erp_order_id text,
    unconfirmed boolean NOT NULL,
    may_have_been_sent boolean NOT NULL,
    refused_by_erp boolean NOT NULL,
    error jsonb,
    document text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    acked_at timestamptz,
    UNIQUE (draft_order_id, attempt)
);
-- next
CREATE INDEX erp_export_newest ON erp_export (org_id, created_at DESC);
-- next
CREATE TABLE erp_push_log (
    export_id uuid NOT NULL REFERENCES erp_export,
    attempt_number integer NOT NULL,
    org_id uuid NOT NULL REFERENCES org,
    status text NOT NULL CHECK (status IN ('PENDING', 'RETRYING', 'SUCCESS', 'FAILED')),
    started_at timestamptz NOT NULL,
    duration_ms integer,
    request jsonb NOT NULL,
    response jsonb,
    error jsonb,
    next_retry_at timestamptz,
    PRIMARY KEY (export_id, attempt_number)
);
-- next
CREATE TABLE audit_head (
    org_id uuid NOT NULL REFERENCES org,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    entity_seq integer NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (org_id, entity_type, entity_id)
);
-- next
CREATE TABLE audit_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    position bigint GENERATED ALWAYS AS IDENTITY,
    org_id uuid NOT NULL REFERENCES org,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    entity_seq integer NOT NULL,
    action text NOT NULL,
    actor_user_id uuid,
    actor_email text,
    before jsonb,
    after jsonb,
    details jsonb,
    via text NOT NULL,
    request_id text,
    ip text,
    user_agent text,
    created_at timestamptz NOT NULL,
    content_hash text NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL,
    UNIQUE (org_id, entity_type, entity_id, entity_seq)
);
-- next
CREATE INDEX audit_log_newest ON audit_log (org_id, position DESC);
-- next
CREATE INDEX audit_log_of_entity ON audit_log (org_id, entity_id, entity_seq);
-- next
CREATE TABLE idempotency_key (
    org_id uuid NOT NULL REFERENCES org,
    scope text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    status_code integer,
    headers jsonb,
    body text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, scope, key)
);
-- next
-- Numbers each audit row within its entity and chains it to the one before. The head row is the lock:
-- one entity's rows queue behind each other, two drafts never wait for one another.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE head audit_head%ROWTYPE;
BEGIN
    INSERT INTO audit_head VALUES (NEW.org_id, NEW.entity_type, NEW.entity_id, 0, repeat('0', 64))
        ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM audit_head
        WHERE org_id = NEW.org_id AND entity_type = NEW.entity_type AND entity_id = NEW.entity_id FOR UPDATE;
    NEW.entity_seq := head.entity_seq + 1;
    NEW.previous_hash := head.hash;
    NEW.hash := encode(sha256(convert_to(
        head.hash || ':' || NEW.entity_seq || ':' || NEW.content_hash, 'UTF8')), 'hex');
    UPDATE audit_head SET entity_seq = NEW.entity_seq, hash = NEW.hash
        WHERE org_id = NEW.org_id AND entity_type = NEW.entity_type AND entity_id = NEW.entity_id;
    RETURN NEW;
END $$;
-- next
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain();
-- next
CREATE FUNCTION append_audit(entries jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO audit_log (org_id, entity_type, entity_id, action, actor_user_id, actor_email, before, after,
                           details, via, request_id, ip, user_agent, created_at, content_hash)
    SELECT org_id, entity_type, entity_id, action, actor_user_id, actor_email, nullif(before, 'null'),
           nullif(after, 'null'), nullif(details, 'null'), via, request_id, ip, user_agent, created_at,
           content_hash
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS each (entry, n),
         jsonb_populate_record(NULL::audit_log, entry)
    ORDER BY n
$$;
-- next
-- What every request asks first, in one statement: is this person still who the token says?
CREATE FUNCTION authenticate(p_org uuid, p_user uuid) RETURNS TABLE (
    email text, name text, role text, active boolean, org_slug text, org_name text, settings jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.org_id', p_org::text, true);
    RETURN QUERY SELECT u.email, u.name, u.role, u.active, o.slug, o.name, o.settings
        FROM app_user u JOIN org o ON o.id = u.org_id WHERE u.org_id = p_org AND u.id = p_user;
END $$;
-- next
-- Before an org is known there is no row-level security to stand on: these return ids only.
CREATE FUNCTION find_login(p_slug text, p_email text) RETURNS TABLE (org_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT o.id, u.id FROM org o
    LEFT JOIN app_user u ON u.org_id = o.id AND lower(u.email) = lower(p_email)
    WHERE o.slug = p_slug
$$;
-- next
CREATE FUNCTION list_orgs() RETURNS TABLE (org_id uuid, slug text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$ SELECT id, slug FROM org ORDER BY slug $$;
-- next
CREATE FUNCTION reserve_draft_number(p_org uuid, p_draft uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    PERFORM set_config('app.org_id', p_org::text, true);
    SELECT number INTO n FROM draft_order_number WHERE org_id = p_org AND draft_order_id = p_draft;
    IF FOUND THEN RETURN n; END IF;
    PERFORM 1 FROM org WHERE id = p_org FOR UPDATE;
    SELECT number INTO n FROM draft_order_number WHERE org_id = p_org AND draft_order_id = p_draft;
    IF FOUND THEN RETURN n; END IF;
    UPDATE org SET next_draft_number = next_draft_number + 1 WHERE id = p_org
        RETURNING next_draft_number - 1 INTO n;
    INSERT INTO draft_order_number VALUES (p_org, p_draft, n);
    RETURN n;
END $$;
-- next
-- The projection: one statement, one transaction. Keyed by (draft, sequence), so a repeat writes nothing;
-- the same sequence with another digest means that the workflow was reset, and is an error.
CREATE FUNCTION record_draft(p jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r jsonb;
    known text;
    written integer := 0;
    newer boolean;
    repair boolean := coalesce((p->>'repair')::boolean, false);
    late_lines jsonb;
BEGIN
    PERFORM set_config('app.org_id', p->>'org_id', true);
    FOR r IN SELECT value FROM jsonb_array_elements(p->'records') LOOP
        INSERT INTO draft_record (org_id, draft_order_id, sequence, digest, change)
            VALUES ((p->>'org_id')::uuid, (r->'row'->>'id')::uuid, (r->>'sequence')::integer, r->>'digest',
                    r->'change')
            ON CONFLICT DO NOTHING;
        IF NOT FOUND AND NOT repair THEN
            SELECT digest INTO known FROM draft_record
                WHERE draft_order_id = (r->'row'->>'id')::uuid AND sequence = (r->>'sequence')::integer;
            IF known IS DISTINCT FROM r->>'digest' THEN
                RAISE EXCEPTION 'sequence % of draft % was recorded with other content',
                    r->>'sequence', r->'row'->>'id' USING ERRCODE = 'CS001';
            END IF;
            CONTINUE;
        END IF;
        written := written + 1;

        INSERT INTO draft_order SELECT * FROM jsonb_populate_record(NULL::draft_order, r->'row')
        ON CONFLICT (id) DO UPDATE SET
            status = excluded.status, version = excluded.version, customer_id = excluded.customer_id,
            customer_name = excluded.customer_name, external_order_number = excluded.external_order_number,
            currency = excluded.currency, order_date = excluded.order_date,
            waiting_for = excluded.waiting_for, decorated = excluded.decorated,
            customer_signed = excluded.customer_signed, production_signed = excluded.production_signed,
            approved_at = excluded.approved_at, approved_by_user_id = excluded.approved_by_user_id,
            erp_order_id = excluded.erp_order_id, search = excluded.search,
            run_id = coalesce(excluded.run_id, draft_order.run_id), snapshot = excluded.snapshot,
            updated_at = excluded.updated_at
        WHERE (draft_order.version < excluded.version OR repair) AND draft_order.org_id = excluded.org_id;
        newer := FOUND;
        late_lines := NULL;
        IF NOT newer THEN
            -- A late record fills in what only it knows; lines come from the newest snapshot.
            UPDATE draft_order SET creation_digest = coalesce(creation_digest, r->'row'->>'creation_digest')
                WHERE id = (r->'row'->>'id')::uuid
                RETURNING (SELECT jsonb_agg(line || jsonb_build_object('draft_order_id', id, 'org_id', org_id))
                           FROM jsonb_array_elements(snapshot->'lines') AS line) INTO late_lines;
        END IF;

        IF r->'lines' <> 'null' THEN
            DELETE FROM draft_order_line WHERE draft_order_id = (r->'row'->>'id')::uuid;
            INSERT INTO draft_order_line SELECT * FROM jsonb_populate_recordset(
                NULL::draft_order_line, CASE WHEN newer THEN r->'lines' ELSE late_lines END);
        END IF;

        IF r->'exports' <> 'null' THEN
            INSERT INTO erp_export SELECT * FROM jsonb_populate_recordset(NULL::erp_export, r->'exports')
            ON CONFLICT (id) DO UPDATE SET
                version = excluded.version, status = excluded.status, dropzone_path = excluded.dropzone_path,
                ack_expected = excluded.ack_expected, erp_order_id = excluded.erp_order_id,
                unconfirmed = excluded.unconfirmed, may_have_been_sent = excluded.may_have_been_sent,
                refused_by_erp = excluded.refused_by_erp, error = excluded.error,
                sent_at = excluded.sent_at, acked_at = excluded.acked_at
            WHERE erp_export.version < excluded.version OR repair;
            IF NOT newer THEN
                UPDATE erp_export e SET document = late.document
                    FROM jsonb_populate_recordset(NULL::erp_export, r->'exports') AS late
                    WHERE e.id = late.id AND e.document IS NULL;
            END IF;
        END IF;

        IF r->'receipt' <> 'null' THEN
            INSERT INTO command_receipt
                SELECT * FROM jsonb_populate_record(NULL::command_receipt, r->'receipt')
                ON CONFLICT DO NOTHING;
        END IF;
        PERFORM append_audit(r->'audit');
    END LOOP;
    IF written > 0 THEN
        PERFORM pg_notify('countersign_changes', p->>'org_id');
    END IF;
    RETURN written;
END $$;
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['app_user', 'customer', 'approver', 'product', 'customer_price',
        'draft_order_number', 'draft_order', 'draft_order_line', 'draft_record', 'command_receipt',
        'erp_connection', 'erp_export', 'erp_push_log', 'audit_head', 'audit_log', 'idempotency_key'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
        IF name <> 'audit_head' THEN
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO countersign_app', name);
    END LOOP;
END $$;
-- next
ALTER TABLE org ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE org FORCE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_org ON org USING (id = nullif(current_setting('app.org_id', true), '')::uuid);
-- next
-- find_login and list_orgs run as the owner, who is under FORCE as well: it may read these two, no more.
CREATE POLICY owner_reads ON org FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE POLICY owner_reads ON app_user FOR SELECT TO CURRENT_USER USING (true);
-- next
GRANT SELECT, INSERT, UPDATE ON org TO countersign_app;
-- next
REVOKE UPDATE, DELETE ON audit_log, draft_record, command_receipt FROM countersign_app;
-- next
REVOKE INSERT, UPDATE, DELETE ON audit_head FROM countersign_app;
