-- A finished export has no try that looks as if it ran. What ended a try may be lost: with the server before its
-- next flush, or with a worker that stood still until the export was over. Returns how many rows were ended.
CREATE FUNCTION end_tries(p_export uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    over erp_export%ROWTYPE;
    ended integer;
    late integer;
BEGIN
    SELECT * INTO over FROM erp_export WHERE id = p_export AND status <> 'PENDING';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- the newest that began to publish is the one that the workflow has heard of
    UPDATE erp_push_log SET status = 'SUCCESS', error = NULL, next_retry_at = NULL,
        response = coalesce(response, '{}') || jsonb_build_object('dropzone_path', over.dropzone_path)
        WHERE export_id = p_export AND over.status <> 'FAILED' AND attempt_number = (
            SELECT max(attempt_number) FROM erp_push_log
            WHERE export_id = p_export AND response->>'publishing' IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM erp_push_log WHERE export_id = p_export AND status = 'SUCCESS');
    GET DIAGNOSTICS ended = ROW_COUNT;
    UPDATE erp_push_log SET status = CASE over.status WHEN 'FAILED' THEN 'FAILED' ELSE 'RETRYING' END,
        next_retry_at = NULL, error = coalesce(error, jsonb_build_object(
            'code', 'WORKER_LOST', 'retryable', over.status <> 'FAILED',
            'message', 'The export was over before this try''s end was noted'))
        WHERE export_id = p_export AND status = 'PENDING';
    GET DIAGNOSTICS late = ROW_COUNT;
    RETURN ended + late;
END $$;
-- next
CREATE FUNCTION export_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM end_tries(NEW.id);
    RETURN NULL;
END $$;
-- next
CREATE TRIGGER export_over AFTER UPDATE OF status ON erp_export FOR EACH ROW
    WHEN (OLD.status = 'PENDING' AND NEW.status <> 'PENDING') EXECUTE FUNCTION export_over();
-- next
CREATE INDEX erp_push_log_open ON erp_push_log (org_id, started_at) WHERE status = 'PENDING';
