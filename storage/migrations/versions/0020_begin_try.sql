-- The next row of an export's push log: its number; 0 while the push is not on record; NULL when no try may begin any
-- more, because the export has failed or its file is out. Only a publish may be repeated then: its success may not
-- have been heard of.
CREATE FUNCTION open_try(
    p_org uuid, p_export uuid, p_at timestamptz, p_request jsonb, p_lost jsonb, p_publishing text
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    export_status text;
    opened integer;
BEGIN
    -- The export's row is the lock: tries of one export queue here. A statement of its own, because one that waits
    -- goes on with what it saw before it waited, and would not see the other's row.
    SELECT status INTO export_status FROM erp_export WHERE id = p_export AND org_id = p_org FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- it may have failed before it had any row that could say so
    IF export_status = 'FAILED' OR (p_publishing IS NULL AND export_status <> 'PENDING') OR EXISTS (
        SELECT 1 FROM erp_push_log WHERE export_id = p_export AND org_id = p_org
        AND (response->>'given_up' IS NOT NULL OR (p_publishing IS NULL AND status = 'SUCCESS'))
    ) THEN
        RETURN NULL;
    END IF;
    UPDATE erp_push_log SET status = 'RETRYING', error = p_lost
        WHERE export_id = p_export AND org_id = p_org AND status = 'PENDING';
    -- Numbers come from the log itself: Temporal's attempts start again at 1 when somebody resets an activity.
    INSERT INTO erp_push_log (export_id, attempt_number, org_id, status, started_at, request, response)
        SELECT p_export, 1 + coalesce(max(attempt_number), 0), p_org, 'PENDING', p_at, p_request,
            jsonb_strip_nulls(jsonb_build_object('publishing', p_publishing))
        FROM erp_push_log WHERE export_id = p_export
        RETURNING attempt_number INTO opened;
    RETURN opened;
END $$;
-- next
-- A delivery try begins, in one round trip: the connection as it is now, and the try's row. Without p_publishing it
-- stages. With it, it publishes what row p_row staged, and that row says so from now on: whoever marks it first is the
-- first try, each later one gets a row of its own. held: the connection is paused, and nothing was written.
CREATE FUNCTION begin_try(
    p_org uuid, p_export uuid, p_connection uuid, p_at timestamptz, p_request jsonb, p_lost jsonb,
    p_publishing text, p_row integer, p_staged_ms integer, p_staged jsonb
) RETURNS TABLE (
    try_number integer, first_try boolean, held boolean, id uuid, status text, connector_type text,
    config_encrypted bytea, capabilities jsonb
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target erp_connection%ROWTYPE;
BEGIN
    PERFORM set_config('app.org_id', p_org::text, true);
    SELECT * INTO target FROM erp_connection WHERE org_id = p_org AND erp_connection.id = p_connection;
    try_number := p_row;
    first_try := true;
    -- a publish that has begun is finished, paused or not: until it has looked, its outcome is open
    held := target.status IS NOT DISTINCT FROM 'PAUSED' AND NOT EXISTS (
        SELECT 1 FROM erp_push_log WHERE export_id = p_export AND response->>'publishing' = p_publishing);
    IF held THEN
        NULL;
    ELSIF p_publishing IS NULL THEN
        -- of staging only the log is written: if that is lost with the server, publish looks more carefully
        PERFORM set_config('synchronous_commit', 'off', true);
        try_number := open_try(p_org, p_export, p_at, p_request, p_lost, NULL);
    ELSE
        -- The row's own mark is asked for as well: after a wait for another try PostgreSQL reads that row again, but
        -- not the others. A pause had closed the row of a publish that waited for its end.
        UPDATE erp_push_log SET status = 'PENDING', error = NULL,
            duration_ms = coalesce(duration_ms + p_staged_ms, p_staged_ms, duration_ms),
            response = coalesce(response, '{}') || coalesce(p_staged, '{}')
                || jsonb_build_object('publishing', p_publishing)
            WHERE org_id = p_org AND export_id = p_export AND attempt_number = p_row
            AND (status = 'PENDING' OR error->>'code' = 'CONNECTION_PAUSED')
            AND response->>'given_up' IS NULL AND response->>'publishing' IS DISTINCT FROM p_publishing
            AND NOT EXISTS (SELECT 1 FROM erp_push_log
                            WHERE export_id = p_export AND response->>'publishing' = p_publishing);
        IF NOT FOUND THEN
            first_try := false;
            try_number := open_try(p_org, p_export, p_at, p_request, p_lost, p_publishing);
        END IF;
    END IF;
    RETURN QUERY SELECT try_number, first_try, held, target.id, target.status, target.connector_type,
        target.config_encrypted, target.capabilities;
END $$;
-- next
-- How a try went. p_duration_ms adds up over stage and publish. A row that another try has closed as lost stays so,
-- unless its own try published after all; and nothing runs any more once one has: a row still open then is a lost
-- one's. It is not flushed: what is lost with the server before its next flush, the export's end ends.
CREATE FUNCTION end_try(
    p_org uuid, p_export uuid, p_row integer, p_status text, p_duration_ms integer, p_response jsonb, p_error jsonb,
    p_next timestamptz, p_lost jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.org_id', p_org::text, true), set_config('synchronous_commit', 'off', true);
    IF p_status = 'SUCCESS' THEN
        UPDATE erp_push_log SET status = 'RETRYING', error = p_lost
            WHERE export_id = p_export AND org_id = p_org AND attempt_number <> p_row AND status = 'PENDING';
    END IF;
    UPDATE erp_push_log SET status = p_status, duration_ms = coalesce(duration_ms, 0) + p_duration_ms,
        response = coalesce(response, '{}') || coalesce(p_response, '{}'), error = p_error, next_retry_at = p_next
        WHERE org_id = p_org AND export_id = p_export AND attempt_number = p_row
        AND (p_status = 'SUCCESS' OR status = 'PENDING');
END $$;
