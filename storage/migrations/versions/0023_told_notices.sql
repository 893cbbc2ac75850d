-- For alerts. Runs as the owner, over all orgs, and answers with numbers only.
CREATE FUNCTION count_untold() RETURNS TABLE (what text, untold bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT 'notice', count(*), min(n.created_at) FROM line_notice n WHERE n.told_at IS NULL
    UNION ALL
    SELECT 'callback', count(*), min(i.received_at) FROM callback_inbox i WHERE i.outcome IS NULL
$$;
-- next
REVOKE ALL ON FUNCTION count_untold() FROM PUBLIC;
-- next
GRANT EXECUTE ON FUNCTION count_untold() TO countersign_app;
-- next
-- The sweep finds old ones by it.
CREATE INDEX line_notice_told ON line_notice (org_id, told_at) WHERE told_at IS NOT NULL;
-- next
GRANT DELETE ON line_notice TO countersign_app;
