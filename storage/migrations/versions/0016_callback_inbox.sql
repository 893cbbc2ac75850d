-- Every callback that was accepted, once per webhook-id. `outcome` is null until it has had its effect, or none.
-- `deliveries` counts how often it came; `other_bodies` how often its webhook-id came with another body.
CREATE TABLE callback_inbox (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    webhook_id text NOT NULL,
    secret_id uuid NOT NULL,
    body_sha256 text NOT NULL,
    color_up_id uuid NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'request_changes')),
    approver_email text NOT NULL,
    comment text,
    request_id text,
    ip text,
    user_agent text,
    received_at timestamptz NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    other_bodies integer NOT NULL DEFAULT 0,
    outcome text CHECK (outcome IN
        ('applied', 'already_decided', 'not_waiting', 'unknown_color_up', 'unknown_approver')),
    outcome_note text,
    approver_id uuid,
    settled_at timestamptz,
    CONSTRAINT callback_webhook_id UNIQUE (org_id, webhook_id)
);
-- next
CREATE INDEX callback_newest ON callback_inbox (org_id, received_at DESC, id DESC);
-- next
CREATE INDEX callback_unsettled ON callback_inbox (received_at) WHERE outcome IS NULL;
-- next
-- The newest callbacks that were refused, for each org that they can be laid to; older ones are forgotten.
CREATE TABLE callback_refusal (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    reason text NOT NULL CHECK (reason IN ('unsigned', 'stale', 'signature', 'body', 'reused_id')),
    webhook_id text,
    color_up_id uuid,
    request_id text,
    ip text,
    user_agent text,
    refused_at timestamptz NOT NULL
);
-- next
CREATE INDEX callback_refusal_newest ON callback_refusal (org_id, refused_at DESC, id DESC);
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['callback_inbox', 'callback_refusal'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
    END LOOP;
END $$;
-- next
GRANT SELECT, INSERT, UPDATE ON callback_inbox TO countersign_app;
-- next
GRANT SELECT, INSERT, DELETE ON callback_refusal TO countersign_app;
-- next
-- Three questions come before an org is known; they run as the owner and answer with ids only.
CREATE POLICY owner_reads ON color_up FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE POLICY owner_reads ON callback_secret FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE POLICY owner_reads ON callback_inbox FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE FUNCTION find_color_up_org(p_color_up uuid) RETURNS TABLE (org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.org_id FROM color_up c WHERE c.id = p_color_up
$$;
-- next
CREATE FUNCTION orgs_with_callback_secrets(p_most integer) RETURNS TABLE (org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT DISTINCT s.org_id FROM callback_secret s WHERE s.revoked_at IS NULL ORDER BY s.org_id LIMIT p_most
$$;
-- next
CREATE FUNCTION list_unsettled_callbacks(p_before timestamptz, p_most integer)
RETURNS TABLE (org_id uuid, callback_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT i.org_id, i.id FROM callback_inbox i WHERE i.outcome IS NULL AND i.received_at < p_before
    ORDER BY i.received_at LIMIT p_most
$$;
-- next
-- One org's secrets in use, as they lie there; it sets the org itself and sees no other's.
CREATE FUNCTION callback_secrets_of(p_org uuid)
RETURNS TABLE (org_id uuid, secret_id uuid, secret_encrypted bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.org_id', p_org::text, true);
    RETURN QUERY SELECT s.org_id, s.id, s.secret_encrypted FROM callback_secret s
        WHERE s.org_id = p_org AND s.revoked_at IS NULL ORDER BY s.created_at, s.id;
END $$;
-- next
-- Writes a callback down, or counts one more delivery: `fits` is false for another body under the same id. The
-- count alone is not worth a turn of the disk, under the lock of a row that a hundred replays may want at once.
CREATE FUNCTION receive_callback(p jsonb) RETURNS TABLE (id uuid, is_new boolean, fits boolean)
LANGUAGE plpgsql AS $$
DECLARE
    given callback_inbox%ROWTYPE := jsonb_populate_record(NULL::callback_inbox, p);
    known callback_inbox%ROWTYPE;
BEGIN
    PERFORM set_config('app.org_id', p->>'org_id', true);
    given.deliveries := 1;
    given.other_bodies := 0;
    INSERT INTO callback_inbox SELECT given.* ON CONFLICT DO NOTHING;
    IF FOUND THEN
        UPDATE callback_secret s SET last_used_at = given.received_at
            WHERE s.org_id = given.org_id AND s.id = given.secret_id
              AND (s.last_used_at IS NULL OR s.last_used_at < given.received_at - interval '1 minute');
        RETURN QUERY SELECT given.id, true, true;
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE callback_inbox i SET
        deliveries = i.deliveries + (i.body_sha256 = given.body_sha256)::integer,
        other_bodies = i.other_bodies + (i.body_sha256 <> given.body_sha256)::integer
        WHERE i.org_id = given.org_id AND i.webhook_id = given.webhook_id
        RETURNING * INTO STRICT known;
    RETURN QUERY SELECT known.id, known.id = given.id, known.body_sha256 = given.body_sha256;
END $$;
-- next
-- Writes a refusal down and forgets all but the org's newest `p_kept`.
CREATE FUNCTION refuse_callback(p jsonb, p_kept integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.org_id', p->>'org_id', true);
    INSERT INTO callback_refusal SELECT * FROM jsonb_populate_record(NULL::callback_refusal, p)
        ON CONFLICT (id) DO NOTHING;
    DELETE FROM callback_refusal WHERE id IN (
        SELECT r.id FROM callback_refusal r WHERE r.org_id = (p->>'org_id')::uuid
        ORDER BY r.refused_at DESC, r.id DESC OFFSET p_kept);
END $$;
