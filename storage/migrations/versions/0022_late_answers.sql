-- What happened around a draft whose workflow had ended: no decision of the draft, so no record of one. The
-- feeds tell it after the record `sequence`, the draft's last. Positions are those of draft_record, so that one
-- order holds for both.
CREATE TABLE draft_note (
    org_id uuid NOT NULL REFERENCES org,
    draft_order_id uuid NOT NULL,
    sequence integer NOT NULL,
    change jsonb NOT NULL,
    position bigint NOT NULL DEFAULT nextval('draft_record_position_seq'),
    recorded_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (draft_order_id, sequence, position)
);
-- next
CREATE INDEX draft_note_feed ON draft_note (org_id, recorded_by, position);
-- next
CREATE TRIGGER draft_note_rings AFTER INSERT ON draft_note FOR EACH ROW EXECUTE FUNCTION ring_for_record();
-- next
ALTER TABLE draft_note ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE draft_note FORCE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_org ON draft_note USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
-- next
GRANT SELECT, INSERT ON draft_note TO countersign_app;
-- next
GRANT USAGE ON SEQUENCE draft_record_position_seq TO countersign_app;
