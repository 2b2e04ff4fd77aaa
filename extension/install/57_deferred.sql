-- Sending at commit.

-- Holds rows only while their transaction runs, so a dump finds none.
CREATE TABLE chat.deferred_send (
	id              bigint GENERATED ALWAYS AS IDENTITY,
	conversation_id bigint NOT NULL,
	sender_id       bigint NOT NULL,
	reply_to        bigint,
	client_id       uuid,
	content         text NOT NULL,
	attachments     bigint[],
	PRIMARY KEY (conversation_id, id)
);
COMMENT ON TABLE chat.deferred_send IS 'Messages that wait for the commit of their transaction';

CREATE FUNCTION chat.post_deferred() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_post_deferred'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.post_deferred() IS 'Puts deferred messages into their conversations';

CREATE CONSTRAINT TRIGGER post_deferred AFTER INSERT ON chat.deferred_send
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION chat.post_deferred();

CREATE FUNCTION chat.send_deferred(conversation_id bigint, content text,
								   client_id uuid DEFAULT NULL, reply_to bigint DEFAULT NULL,
								   attachments bigint[] DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'chat_send_deferred'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.send_deferred(bigint, text, uuid, bigint, bigint[]) IS
	'Sends when the transaction commits, so that a long one keeps no conversation waiting; a refusal then rolls it back';

REVOKE ALL ON FUNCTION
	chat.post_deferred(), chat.send_deferred(bigint, text, uuid, bigint, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.send_deferred(bigint, text, uuid, bigint, bigint[]) TO chat_user;
