-- One ring for each record, so that whoever waits for a decision hears of its own row.
-- A channel beside the old one: API processes of the version before go on hearing theirs.
CREATE FUNCTION ring_for_record() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('countersign_records', concat_ws(' ', NEW.org_id, NEW.draft_order_id, NEW.sequence));
    RETURN NULL;
END $$;
-- next
CREATE TRIGGER draft_record_rings AFTER INSERT ON draft_record FOR EACH ROW EXECUTE FUNCTION ring_for_record();
