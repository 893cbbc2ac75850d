ALTER TABLE customer
    ADD COLUMN reminder_days text[] NOT NULL DEFAULT '{mon,tue,wed,thu,fri,sat,sun}',
    ADD COLUMN holidays date[] NOT NULL DEFAULT '{}';
-- next
CREATE INDEX color_up_pending ON color_up (org_id, customer_id) WHERE status = 'Pending Approval';
-- next
-- A proof and a morning on which its customer was reminded of it, once each: the rows are the count.
CREATE TABLE proof_reminder (
    color_up_id uuid NOT NULL REFERENCES color_up,
    local_date date NOT NULL,
    org_id uuid NOT NULL REFERENCES org,
    customer_id uuid NOT NULL REFERENCES customer,
    reminded_at timestamptz NOT NULL,
    PRIMARY KEY (color_up_id, local_date)
);
-- next
CREATE INDEX proof_reminder_newest ON proof_reminder (customer_id, local_date DESC);
-- next
-- Proofs whose customer is to be called; what came of it is the color-up's decision.
CREATE TABLE proof_phone_call (
    color_up_id uuid PRIMARY KEY REFERENCES color_up,
    org_id uuid NOT NULL REFERENCES org,
    since timestamptz NOT NULL
);
-- next
-- The morning that a customer's reminder workflow sleeps until, as it last said.
CREATE TABLE reminder_plan (
    customer_id uuid PRIMARY KEY REFERENCES customer,
    org_id uuid NOT NULL REFERENCES org,
    next_at timestamptz NOT NULL,
    planned_at timestamptz NOT NULL
);
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['proof_reminder', 'proof_phone_call', 'reminder_plan'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO countersign_app', name);
    END LOOP;
END $$;
-- next
REVOKE UPDATE ON proof_reminder, proof_phone_call FROM countersign_app;
