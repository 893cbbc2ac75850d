-- The relay asks for all orgs at once; it runs as the owner and answers with ids only.
CREATE POLICY owner_reads ON line_notice FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE FUNCTION list_untold_notices(p_before timestamptz, p_most integer)
RETURNS TABLE (org_id uuid, notice_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT n.org_id, n.id FROM line_notice n WHERE n.told_at IS NULL AND n.created_at < p_before
    ORDER BY n.created_at LIMIT p_most
$$;
