-- The full-text index of messages. Rows go into it a while after they are written, in batches (src/store/sqlite/search.ts):
-- `search_indexed_seq` in `meta` says up to where. From there on changes of a message follow at once, by the triggers.
CREATE VIEW `searched_messages` AS
SELECT * FROM (
	SELECT seq, device_id, ltrim(coalesce(text, '')
		|| coalesce(char(10) || nullif(json_extract(body, '$.filename'), text), '')
		|| coalesce(char(10) || (SELECT group_concat(value, char(10)) FROM json_each(messages.body, '$.options')), '')
		|| coalesce(char(10) || json_extract(body, '$.description'), '')
		|| coalesce(char(10) || nullif(json_extract(body, '$.address'), text), '')
		|| coalesce(char(10) || json_extract(body, '$.location.name'), '')
		|| coalesce(char(10) || json_extract(body, '$.location.address'), '')
		|| coalesce(char(10) || nullif(json_extract(body, '$.groupName'), text), '')
		|| coalesce(char(10) || json_extract(body, '$.linkPreview.title'), '')
		|| coalesce(char(10) || (SELECT group_concat(atom, char(10)) FROM json_tree(messages.body, '$.contacts') WHERE atom IS NOT NULL AND key IS NOT 'name'), '')
	, char(10)) AS text
	FROM messages
	WHERE deleted_at IS NULL AND type NOT IN ('reaction', 'edit', 'delete', 'pin', 'vote')
) WHERE text <> '';
--> statement-breakpoint
CREATE VIRTUAL TABLE `message_search` USING fts5(
	text, device,
	content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
--> statement-breakpoint
CREATE TRIGGER `messages_changed_search` AFTER UPDATE OF type, text, body, deleted_at ON messages
WHEN old.seq <= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'search_indexed_seq')
BEGIN
	DELETE FROM message_search WHERE rowid = old.seq;
	INSERT INTO message_search (rowid, text, device)
		SELECT seq, text, device_id FROM searched_messages WHERE seq = old.seq;
END;
--> statement-breakpoint
CREATE TRIGGER `messages_deleted_search` AFTER DELETE ON messages
BEGIN
	DELETE FROM message_search WHERE rowid = old.seq;
END;
