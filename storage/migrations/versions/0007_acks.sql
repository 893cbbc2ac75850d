ALTER TABLE erp_connection ADD COLUMN last_ack_poll_at timestamptz, ADD COLUMN last_ack_poll_error jsonb;
-- next
CREATE INDEX erp_export_by_file ON erp_export (org_id, file_name);
-- next
-- WAITING: cannot be read, and may be half written. RECEIVED: readable, its draft is to be told. SETTLED: at its
-- end. A file is the same file while name, time, size and content are, until it has been moved away.
CREATE TABLE erp_ack (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES org,
    connection_id uuid NOT NULL,
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    modified_at timestamptz NOT NULL,
    sha256 text NOT NULL,
    status text NOT NULL CHECK (status IN ('WAITING', 'RECEIVED', 'SETTLED')),
    export_id uuid,
    draft_order_id uuid,
    content jsonb,
    outcome text,
    message text NOT NULL,
    seen_at timestamptz NOT NULL,
    still_since timestamptz NOT NULL,
    told_at timestamptz,
    settled_at timestamptz,
    tray text NOT NULL,
    moved_to text,
    moved_at timestamptz
);
-- next
CREATE UNIQUE INDEX erp_ack_in_folder ON erp_ack (connection_id, file_name, modified_at, size_bytes, sha256)
    WHERE moved_at IS NULL AND status <> 'WAITING';
-- next
CREATE UNIQUE INDEX erp_ack_waiting ON erp_ack (connection_id, file_name) WHERE status = 'WAITING';
-- next
CREATE INDEX erp_ack_unsettled ON erp_ack (connection_id, seen_at) WHERE status = 'RECEIVED';
-- next
CREATE INDEX erp_ack_of_export ON erp_ack (org_id, export_id, seen_at);
-- next
CREATE INDEX erp_ack_by_name ON erp_ack (connection_id, file_name);
-- next
CREATE INDEX erp_ack_newest ON erp_ack (connection_id, seen_at DESC, id DESC);
-- next
CREATE INDEX erp_ack_unmoved ON erp_ack (connection_id, seen_at) WHERE moved_at IS NULL;
-- next
ALTER TABLE erp_ack ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE erp_ack FORCE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_org ON erp_ack USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
-- next
GRANT SELECT, INSERT, UPDATE ON erp_ack TO countersign_app;
-- next
-- Writes down what one poll found in the folder; answers with the outcomes of files that thereby came to their end. The lock and `started_at` make two polls at once write one row:
-- a file that was moved away since this poll began is the one that it had listed, not a second one.
CREATE FUNCTION receive_acks(p jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    f erp_ack%ROWTYPE;
    w erp_ack%ROWTYPE;
    started timestamptz := (p->>'started_at')::timestamptz;
    settle interval := make_interval(secs => (p->>'settle_s')::double precision);
BEGIN
    PERFORM set_config('app.org_id', p->>'org_id', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('erp_ack/' || (p->>'connection_id'), 0));
    FOR f IN SELECT * FROM jsonb_populate_recordset(NULL::erp_ack, p->'files') LOOP
        f.still_since := clock_timestamp();
        f.seen_at := f.still_since;
        SELECT * INTO w FROM erp_ack
            WHERE connection_id = f.connection_id AND file_name = f.file_name AND status = 'WAITING';
        PERFORM 1 FROM erp_ack
            WHERE connection_id = f.connection_id AND file_name = f.file_name AND sha256 = f.sha256
                AND size_bytes = f.size_bytes AND modified_at = f.modified_at AND status <> 'WAITING'
                AND (moved_at IS NULL OR moved_at >= started);
        CONTINUE WHEN FOUND;
        IF f.status = 'WAITING' THEN
            IF (w.modified_at, w.size_bytes, w.sha256) = (f.modified_at, f.size_bytes, f.sha256) THEN
                f.still_since := w.still_since;
            END IF;
            IF clock_timestamp() - f.still_since >= settle THEN
                f.status := 'SETTLED';
                f.outcome := 'MALFORMED';
            END IF;
        END IF;
        IF f.status = 'SETTLED' THEN
            f.settled_at := clock_timestamp();
            RETURN NEXT f.outcome;
        END IF;
        IF w.id IS NULL THEN
            INSERT INTO erp_ack SELECT f.*;
        ELSE
            UPDATE erp_ack SET size_bytes = f.size_bytes, modified_at = f.modified_at, sha256 = f.sha256,
                status = f.status, export_id = f.export_id, draft_order_id = f.draft_order_id,
                content = f.content, outcome = f.outcome, message = f.message,
                still_since = f.still_since, settled_at = f.settled_at, tray = f.tray
            WHERE id = w.id;
        END IF;
    END LOOP;
END $$;
