ALTER TABLE erp_connection ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text;
-- next
DROP INDEX erp_connection_one_active;
-- next
-- A paused connection keeps the org's place: resuming it must not meet another active one.
CREATE UNIQUE INDEX erp_connection_one_active ON erp_connection (org_id) WHERE status <> 'DISABLED';
-- next
CREATE INDEX erp_export_pending ON erp_export (connection_id, created_at) WHERE status = 'PENDING';
