-- From accounts and sessions alone to the whole chat.  A line @install PATTERN stands for
-- the rooms of the install script that match it, in their order: they are new as a whole.
-- What has changed in the rooms that 0.0.1 had comes before them.

CREATE INDEX account_closed_idx ON chat.account (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX session_ended_idx ON chat.session (ended_at) WHERE ended_at IS NOT NULL;

@install [4-9]*.sql
