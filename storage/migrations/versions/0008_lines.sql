CREATE TABLE logo (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    customer_id uuid NOT NULL REFERENCES customer,
    name text NOT NULL,
    design_number text,
    netsuite_file_cabinet_id text,
    placement_default text,
    design jsonb,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT logo_file_cabinet_id UNIQUE (org_id, netsuite_file_cabinet_id)
);
-- next
CREATE INDEX logo_newest ON logo (org_id, created_at DESC, id DESC);
-- next
-- A row never changes but for its decision: a change of threads is a new version.
CREATE TABLE color_up (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    customer_id uuid NOT NULL REFERENCES customer,
    logo_id uuid NOT NULL REFERENCES logo,
    style_number text NOT NULL,
    color_code text NOT NULL,
    version integer NOT NULL,
    thread_sequence jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('Draft', 'Pending Approval', 'Approved', 'Retired')),
    decision text CHECK (decision IN ('approve', 'request_changes', 'superseded')),
    decision_note text,
    decision_token text,
    decided_at timestamptz,
    decided_by_user_id uuid,
    decided_by_approver_id uuid REFERENCES approver,
    team_proxy boolean NOT NULL DEFAULT false,
    approved_at timestamptz,
    created_by_user_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT color_up_version UNIQUE (logo_id, style_number, color_code, version)
);
-- next
CREATE UNIQUE INDEX color_up_one_approved ON color_up (logo_id, style_number, color_code)
    WHERE status = 'Approved';
-- next
CREATE INDEX color_up_newest ON color_up (org_id, created_at DESC, id DESC);
-- next
-- Which drafts wait for the decision on a color-up. Written and read under the lock of the color-up's row.
CREATE TABLE color_up_subscription (
    color_up_id uuid NOT NULL REFERENCES color_up,
    draft_order_id uuid NOT NULL,
    org_id uuid NOT NULL REFERENCES org,
    created_at timestamptz NOT NULL,
    told_at timestamptz,
    PRIMARY KEY (color_up_id, draft_order_id)
);
-- next
CREATE INDEX color_up_subscription_untold ON color_up_subscription (color_up_id) WHERE told_at IS NULL;
-- next
-- Something appeared that lines may wait for: an approver, a logo, a version. Told to the drafts concerned.
CREATE TABLE line_notice (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    kind text NOT NULL CHECK (kind IN ('approver', 'logo', 'color_up')),
    entity_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    told_at timestamptz
);
-- next
CREATE INDEX line_notice_untold ON line_notice (created_at) WHERE told_at IS NULL;
-- next
-- Every move of every decorated line, written with the decision that made it.
CREATE TABLE line_status_history (
    draft_order_id uuid NOT NULL REFERENCES draft_order,
    sequence integer NOT NULL,
    n integer NOT NULL,
    org_id uuid NOT NULL REFERENCES org,
    line_id uuid NOT NULL,
    line_no integer NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor_user_id uuid,
    team_proxy boolean NOT NULL,
    note text,
    at timestamptz NOT NULL,
    PRIMARY KEY (draft_order_id, sequence, n)
);
-- next
CREATE INDEX line_status_history_of_line ON line_status_history (line_id, sequence, n);
-- next
ALTER TABLE draft_order_line
    ADD COLUMN color_up_id uuid,
    ADD COLUMN production_approved_at timestamptz,
    ADD COLUMN production_approved_by_user_id uuid;
-- next
CREATE INDEX draft_order_line_by_status ON draft_order_line (org_id, status) WHERE status IS NOT NULL;
-- next
CREATE INDEX draft_order_line_by_color_up ON draft_order_line (color_up_id) WHERE color_up_id IS NOT NULL;
-- next
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['logo', 'color_up', 'color_up_subscription', 'line_notice',
                                'line_status_history'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_org ON %I USING '
            '(org_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO countersign_app', name);
    END LOOP;
END $$;
-- next
REVOKE UPDATE ON line_status_history FROM countersign_app;
