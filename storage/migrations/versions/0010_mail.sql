ALTER TABLE customer ADD COLUMN language text NOT NULL DEFAULT 'en'
    CONSTRAINT customer_language CHECK (language IN ('en', 'de'));
-- next
-- Every mail that was to go out, once: a repeat of the activity finds its row by `key` and changes it.
CREATE TABLE message_log (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    key text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('proof', 'reminder', 'link_renewed')),
    customer_id uuid NOT NULL REFERENCES customer,
    approver_id uuid REFERENCES approver,
    color_up_ids uuid[] NOT NULL,
    recipient text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('SENT', 'FAILED', 'RETRYING')),
    reason text,
    attempts integer NOT NULL,
    created_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT message_log_key UNIQUE (org_id, key)
);
-- next
CREATE INDEX message_log_newest ON message_log (org_id, created_at DESC, id DESC);
-- next
CREATE INDEX message_log_of_color_up ON message_log USING gin (color_up_ids);
-- next
ALTER TABLE message_log ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE message_log FORCE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_org ON message_log USING
    (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
-- next
GRANT SELECT, INSERT, UPDATE ON message_log TO countersign_app;
