-- The link in a mail: its token is kept as a hash only, so that a copy of this table opens nothing.
CREATE TABLE proof_link (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    color_up_id uuid NOT NULL REFERENCES color_up,
    approver_id uuid NOT NULL REFERENCES approver,
    token_sha256 text NOT NULL CONSTRAINT proof_link_token UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
-- next
CREATE INDEX proof_link_of_color_up ON proof_link (color_up_id, approver_id, created_at);
-- next
-- What customers agree to when they approve; a change is a new version, and no version ever changes.
CREATE TABLE proof_terms (
    org_id uuid NOT NULL REFERENCES org,
    version integer NOT NULL,
    text_en text NOT NULL,
    text_de text NOT NULL,
    created_by_user_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, version)
);
-- next
-- What somebody who decided by the page had before their eyes, under the hash that the decision carries.
CREATE TABLE proof_sheet (
    org_id uuid NOT NULL REFERENCES org,
    color_up_id uuid NOT NULL REFERENCES color_up,
    sha256 text NOT NULL,
    sheet jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (color_up_id, sha256)
);
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['proof_link', 'proof_terms', 'proof_sheet'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO countersign_app', name);
    END LOOP;
END $$;
-- next
GRANT UPDATE, DELETE ON proof_link TO countersign_app;
-- next
-- Before a link is found no org is known: this runs as the owner, and returns ids only.
CREATE POLICY owner_reads ON proof_link FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE FUNCTION find_proof_link(p_sha256 text) RETURNS TABLE (org_id uuid, link_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT l.org_id, l.id FROM proof_link l WHERE l.token_sha256 = p_sha256
$$;
