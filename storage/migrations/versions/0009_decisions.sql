-- Who decided, as it was then, and on which way; since when the customer has been asked.
ALTER TABLE color_up
    ADD COLUMN sent_at timestamptz,
    ADD COLUMN decided_by_email text,
    ADD COLUMN decided_via text;
-- next
CREATE INDEX color_up_of_customer ON color_up (org_id, customer_id, created_at DESC, id DESC);
-- next
CREATE INDEX logo_of_customer ON logo (org_id, customer_id, created_at DESC, id DESC);
