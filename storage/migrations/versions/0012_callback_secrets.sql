-- Secrets that customers' systems sign callbacks with, encrypted as connections are. Several may be in use at
-- once, so that a new one can be handed out before the old one is revoked. Never deleted.
CREATE TABLE callback_secret (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    name text,
    secret_encrypted bytea NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    created_by_user_id uuid,
    revoked_at timestamptz,
    revoked_by_user_id uuid,
    last_used_at timestamptz
);
-- next
CREATE INDEX callback_secret_newest ON callback_secret (org_id, created_at DESC, id DESC);
-- next
CREATE INDEX callback_secret_in_use ON callback_secret (org_id) WHERE revoked_at IS NULL;
-- next
ALTER TABLE callback_secret ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE callback_secret FORCE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_org ON callback_secret USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
-- next
GRANT SELECT, INSERT, UPDATE ON callback_secret TO countersign_app;
