-- The projection: one statement, one transaction. Keyed by (draft, sequence), so a repeat writes nothing;
-- the same sequence with another digest means that the workflow was reset, and is an error.
CREATE OR REPLACE FUNCTION record_draft(p jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r jsonb;
    known text;
    written integer := 0;
    newer boolean;
    repair boolean := coalesce((p->>'repair')::boolean, false);
    late_lines jsonb;
BEGIN
    PERFORM set_config('app.org_id', p->>'org_id', true);
    FOR r IN SELECT value FROM jsonb_array_elements(p->'records') LOOP
        INSERT INTO draft_record (org_id, draft_order_id, sequence, digest, change)
            VALUES ((p->>'org_id')::uuid, (r->'row'->>'id')::uuid, (r->>'sequence')::integer, r->>'digest',
                    r->'change')
            ON CONFLICT DO NOTHING;
        IF NOT FOUND AND NOT repair THEN
            SELECT digest INTO known FROM draft_record
                WHERE draft_order_id = (r->'row'->>'id')::uuid AND sequence = (r->>'sequence')::integer;
            IF known IS DISTINCT FROM r->>'digest' THEN
                RAISE EXCEPTION 'sequence % of draft % was recorded with other content',
                    r->>'sequence', r->'row'->>'id' USING ERRCODE = 'CS001';
            END IF;
            CONTINUE;
        END IF;
        written := written + 1;

        INSERT INTO draft_order SELECT * FROM jsonb_populate_record(NULL::draft_order, r->'row')
        ON CONFLICT (id) DO UPDATE SET
            status = excluded.status, version = excluded.version, customer_id = excluded.customer_id,
            customer_name = excluded.customer_name, external_order_number = excluded.external_order_number,
            currency = excluded.currency, order_date = excluded.order_date,
            waiting_for = excluded.waiting_for, decorated = excluded.decorated,
            customer_signed = excluded.customer_signed, production_signed = excluded.production_signed,
            approved_at = excluded.approved_at, approved_by_user_id = excluded.approved_by_user_id,
            erp_order_id = excluded.erp_order_id, search = excluded.search,
            run_id = coalesce(excluded.run_id, draft_order.run_id), snapshot = excluded.snapshot,
            updated_at = excluded.updated_at
        WHERE (draft_order.version < excluded.version OR repair) AND draft_order.org_id = excluded.org_id;
        newer := FOUND;
        late_lines := NULL;
        IF NOT newer THEN
            -- A late record fills in what only it knows; lines come from the newest snapshot.
            UPDATE draft_order SET creation_digest = coalesce(creation_digest, r->'row'->>'creation_digest')
                WHERE id = (r->'row'->>'id')::uuid
                RETURNING (SELECT jsonb_agg(line || jsonb_build_object('draft_order_id', id, 'org_id', org_id))
                           FROM jsonb_array_elements(snapshot->'lines') AS line) INTO late_lines;
        END IF;

        IF r->'lines' <> 'null' THEN
            DELETE FROM draft_order_line WHERE draft_order_id = (r->'row'->>'id')::uuid;
            INSERT INTO draft_order_line SELECT * FROM jsonb_populate_recordset(
                NULL::draft_order_line, CASE WHEN newer THEN r->'lines' ELSE late_lines END);
        END IF;

        IF r->'exports' <> 'null' THEN
            INSERT INTO erp_export SELECT * FROM jsonb_populate_recordset(NULL::erp_export, r->'exports')
            ON CONFLICT (id) DO UPDATE SET
                version = excluded.version, status = excluded.status, dropzone_path = excluded.dropzone_path,
                ack_expected = excluded.ack_expected, erp_order_id = excluded.erp_order_id,
                unconfirmed = excluded.unconfirmed, may_have_been_sent = excluded.may_have_been_sent,
                refused_by_erp = excluded.refused_by_erp, error = excluded.error,
                sent_at = excluded.sent_at, acked_at = excluded.acked_at
            WHERE erp_export.version < excluded.version OR repair;
            IF NOT newer THEN
                UPDATE erp_export e SET document = late.document
                    FROM jsonb_populate_recordset(NULL::erp_export, r->'exports') AS late
                    WHERE e.id = late.id AND e.document IS NULL;
            END IF;
        END IF;

        IF r->'receipt' <> 'null' THEN
            INSERT INTO command_receipt
                SELECT * FROM jsonb_populate_record(NULL::command_receipt, r->'receipt')
                ON CONFLICT DO NOTHING;
        END IF;
        -- absent in what a worker of an older version says
        IF coalesce(r->'moves', 'null') <> 'null' THEN
            INSERT INTO line_status_history
                SELECT * FROM jsonb_populate_recordset(NULL::line_status_history, r->'moves')
                ON CONFLICT DO NOTHING;
        END IF;
        PERFORM append_audit(r->'audit');
    END LOOP;
    IF written > 0 THEN
        PERFORM pg_notify('countersign_changes', p->>'org_id');
    END IF;
    RETURN written;
END $$;
