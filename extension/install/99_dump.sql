-- What pg_dump carries (the order follows the foreign keys; signing keys stay behind).

SELECT pg_catalog.pg_extension_config_dump('chat.audit_pending', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_pending_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_head', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account_secret', '');
SELECT pg_catalog.pg_extension_config_dump('chat.admin', '');
SELECT pg_catalog.pg_extension_config_dump('chat.session', '');
SELECT pg_catalog.pg_extension_config_dump('chat.session_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.refresh_token', '');
SELECT pg_catalog.pg_extension_config_dump('chat.conversation', '');
SELECT pg_catalog.pg_extension_config_dump('chat.conversation_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.conversation_counter', '');
SELECT pg_catalog.pg_extension_config_dump('chat.direct_pair', '');
SELECT pg_catalog.pg_extension_config_dump('chat.member', '');
SELECT pg_catalog.pg_extension_config_dump('chat.message', '');
SELECT pg_catalog.pg_extension_config_dump('chat.message_revision', '');
SELECT pg_catalog.pg_extension_config_dump('chat.reaction', '');
SELECT pg_catalog.pg_extension_config_dump('chat.mention', '');
SELECT pg_catalog.pg_extension_config_dump('chat.attachment', '');
SELECT pg_catalog.pg_extension_config_dump('chat.attachment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.attachment_data', '');
SELECT pg_catalog.pg_extension_config_dump('chat.attachment_usage', '');
