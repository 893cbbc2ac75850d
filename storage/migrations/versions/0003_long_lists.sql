-- Lists whose cost must not grow with the number of drafts, open or finished, nor with the length of the trail.
DROP INDEX draft_order_open;
-- next
CREATE INDEX draft_order_waiting ON draft_order (org_id, waiting_for, created_at DESC, id DESC)
    WHERE waiting_for IS NOT NULL;
-- next
-- what reconcile walks through, page by page: storage/reconciliation.py
CREATE INDEX draft_order_live ON draft_order (org_id, id)
    WHERE status <> 'REJECTED' AND (status <> 'PUSHED' OR waiting_for IS NOT NULL);
-- next
DROP INDEX audit_log_newest;
-- next
CREATE INDEX audit_log_newest ON audit_log (org_id, created_at DESC, position DESC);
-- next
CREATE INDEX audit_log_by_action ON audit_log (org_id, action, created_at DESC, position DESC);
-- next
CREATE INDEX audit_log_by_actor ON audit_log (org_id, actor_user_id, created_at DESC, position DESC);
