CREATE INDEX draft_order_open ON draft_order (org_id) WHERE waiting_for IS NOT NULL;
-- next
-- Returns counts only. It visits org by org under row-level security instead of asking for a policy that
-- would let its owner read every draft; the function's own SET puts app.org_id back when it ends.
-- The CASE is storage/draft_orders.py's: a setting may have changed since the row was written.
CREATE FUNCTION count_open_drafts()
RETURNS TABLE (waiting_for text, drafts bigint, oldest timestamptz, acks_overdue bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET app.org_id = '' AS $$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT id, coalesce(settings->>'production_gate', 'decorated') AS gate,
                    coalesce((settings->>'ack_overdue_hours')::integer, 24) AS overdue_hours
             FROM org LOOP
        PERFORM set_config('app.org_id', o.id::text, true);
        RETURN QUERY
            SELECT w.waiting, count(*), min(w.updated_at), count(*) FILTER (WHERE w.overdue)
            FROM (
                SELECT CASE WHEN d.status <> 'APPROVED' THEN d.waiting_for
                            WHEN NOT d.customer_signed THEN 'customer_approval'
                            WHEN NOT d.production_signed
                                 AND (o.gate = 'always' OR (o.gate = 'decorated' AND d.decorated))
                                 THEN 'production_approval'
                            ELSE 'push' END AS waiting,
                       d.updated_at,
                       d.waiting_for = 'ack' AND EXISTS (
                           SELECT 1 FROM erp_export e
                           WHERE e.draft_order_id = d.id AND e.status = 'SENT' AND e.ack_expected
                             AND e.sent_at < now() - make_interval(hours => o.overdue_hours)) AS overdue
                FROM draft_order d WHERE d.org_id = o.id AND d.waiting_for IS NOT NULL
            ) w GROUP BY w.waiting;
    END LOOP;
END $$;
-- next
REVOKE ALL ON FUNCTION count_open_drafts() FROM PUBLIC;
-- next
GRANT EXECUTE ON FUNCTION count_open_drafts() TO countersign_app;
