CREATE TABLE bulk_command (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    command text NOT NULL,
    request jsonb NOT NULL,
    asked_by_user_id uuid,
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);
-- next
CREATE TABLE bulk_item (
    bulk_id uuid NOT NULL REFERENCES bulk_command,
    draft_order_id uuid NOT NULL REFERENCES draft_order,
    org_id uuid NOT NULL REFERENCES org,
    position integer NOT NULL,
    number text NOT NULL,
    outcome text,
    message text,
    erp_export_id uuid,
    done_at timestamptz,
    PRIMARY KEY (bulk_id, draft_order_id)
);
-- next
CREATE INDEX bulk_item_left ON bulk_item (bulk_id, position) WHERE outcome IS NULL;
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['bulk_command', 'bulk_item'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO countersign_app', name);
    END LOOP;
END $$;
