-- The relay asks for all orgs at once; it runs as the owner and answers with ids only. color_up has its policy.
CREATE POLICY owner_reads ON color_up_subscription FOR SELECT TO CURRENT_USER USING (true);
-- next
CREATE FUNCTION list_untold_decisions(p_before timestamptz, p_most integer)
RETURNS TABLE (org_id uuid, color_up_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.org_id, c.id FROM color_up c
    WHERE c.decision IS NOT NULL AND c.decided_at < p_before
      AND c.id IN (SELECT s.color_up_id FROM color_up_subscription s WHERE s.told_at IS NULL)
    ORDER BY c.decided_at LIMIT p_most
$$;
