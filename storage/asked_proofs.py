"""Proofs that a draft's lines wait for, with the people who were asked. Source: domain/asked_proofs.py."""

# Part of a statement that reads drafts as `d`. Of each approver only the newest mail counts: one that was
# refused is made good by one that was taken later.
ASKED = """
(SELECT coalesce(jsonb_agg(jsonb_build_object(
     'color_up_id', u.id, 'since', u.sent_at,
     'approvers', (SELECT coalesce(jsonb_agg(a.name ORDER BY a.is_primary DESC, a.created_at, a.id), '[]')
                   FROM approver a
                   WHERE a.org_id = d.org_id AND a.customer_id = u.customer_id AND a.active),
     'untaken', (SELECT coalesce(jsonb_agg(jsonb_build_object('recipient', m.recipient, 'reason', m.reason)
                                           ORDER BY m.recipient), '[]')
                 FROM (SELECT DISTINCT ON (m.approver_id) m.* FROM message_log m
                       JOIN approver a ON a.id = m.approver_id AND a.active
                       WHERE m.org_id = d.org_id AND m.kind = 'proof' AND m.color_up_ids @> ARRAY[u.id]
                       ORDER BY m.approver_id, m.created_at DESC) m
                 WHERE m.outcome <> 'SENT' AND m.reason IS NOT NULL)
     ) ORDER BY u.sent_at, u.id), '[]')
 FROM color_up u WHERE u.org_id = d.org_id AND u.status = 'Pending Approval' AND u.id IN (
     SELECT l.color_up_id FROM draft_order_line l
     WHERE l.draft_order_id = d.id AND l.status = 'Sent for Approval'))
"""
