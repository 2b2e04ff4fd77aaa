-- Blocks between two people, and reports to the administrators.

CREATE TABLE chat.block (
	blocker_id bigint NOT NULL REFERENCES chat.account (id),
	blocked_id bigint NOT NULL REFERENCES chat.account (id),
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (blocker_id, blocked_id),
	CHECK (blocker_id <> blocked_id)
);
CREATE INDEX block_blocked_idx ON chat.block (blocked_id);
COMMENT ON TABLE chat.block IS 'Who wants nothing to do with whom; member.is_blocked is made from it';

-- No foreign key to the message: a report outlives it, and belongs to no conversation.
CREATE TABLE chat.report (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	created_at      timestamptz NOT NULL DEFAULT now(),
	reporter_id     bigint NOT NULL REFERENCES chat.account (id),
	account_id      bigint NOT NULL REFERENCES chat.account (id),
	conversation_id bigint,
	seq             bigint,
	content         text,
	reason          text NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 8000),
	closed_at       timestamptz,
	closed_by       bigint REFERENCES chat.account (id),
	decision        text CHECK (octet_length(decision) BETWEEN 1 AND 1600),
	CHECK ((conversation_id IS NULL) = (seq IS NULL)),
	CHECK ((closed_at IS NULL) = (decision IS NULL))
);
COMMENT ON TABLE chat.report IS 'What people complained of to the administrators';
COMMENT ON COLUMN chat.report.account_id IS 'Who is reported: of a message its sender';
COMMENT ON COLUMN chat.report.content IS 'What the message said when it was reported';
COMMENT ON COLUMN chat.report.closed_by IS 'NULL: a role without an account';

-- One open report of the same by the same.
CREATE UNIQUE INDEX report_open_key ON chat.report
	(reporter_id, account_id, coalesce(conversation_id, 0), coalesce(seq, 0))
	WHERE closed_at IS NULL;

-- The queue of those who decide.
CREATE INDEX report_open_idx ON chat.report (id) WHERE closed_at IS NULL;

CREATE VIEW chat.report_info AS
	SELECT r.id, r.created_at, r.reporter_id, p.username AS reporter, r.account_id, a.username,
		   r.conversation_id, r.seq, r.content, r.reason, r.closed_at, r.closed_by, r.decision
	FROM chat.report r
	JOIN chat.account p ON p.id = r.reporter_id
	JOIN chat.account a ON a.id = r.account_id;
COMMENT ON VIEW chat.report_info IS 'A report as administrators see it';
