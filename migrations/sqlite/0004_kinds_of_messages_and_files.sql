CREATE TABLE `media` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`device_id` text,
	`message_id` text,
	`source` text NOT NULL,
	`state` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`mimetype` text NOT NULL,
	`filename` text,
	`width` integer,
	`height` integer,
	`seconds` real,
	`waveform` text,
	`remote` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`error_code` text,
	`error_detail` text,
	`created_at` integer NOT NULL,
	`stored_at` integer,
	`removed_at` integer,
	`thumbnail` blob,
	CONSTRAINT "media_source" CHECK("source" in ('upload', 'base64', 'url', 'whatsapp')),
	CONSTRAINT "media_state" CHECK("state" in ('waiting', 'stored', 'failed', 'removed')),
	CONSTRAINT "media_error" CHECK(("error_code" is null) = ("error_detail" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `media_id` ON `media` (`id`);--> statement-breakpoint
CREATE INDEX `media_by_message` ON `media` (`message_id`) WHERE message_id is not null;--> statement-breakpoint
CREATE INDEX `media_by_sha256` ON `media` (`sha256`);--> statement-breakpoint
CREATE INDEX `media_due` ON `media` (`device_id`,`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `media_stored` ON `media` (`stored_at`) WHERE state = 'stored';--> statement-breakpoint
CREATE TABLE `media_uploads` (
	`device_id` text NOT NULL,
	`sha256` text NOT NULL,
	`kind` text NOT NULL,
	`remote` text NOT NULL,
	`uploaded_at` integer NOT NULL,
	PRIMARY KEY(`device_id`, `sha256`, `kind`)
);
--> statement-breakpoint
CREATE TABLE `message_changes` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`device_id` text NOT NULL,
	`kind` text NOT NULL,
	`act_id` text NOT NULL,
	`by_pn` text,
	`by_lid` text,
	`at` integer NOT NULL,
	`text` text,
	`body` text,
	CONSTRAINT "message_changes_kind" CHECK("kind" in ('edit', 'delete'))
);
--> statement-breakpoint
CREATE INDEX `message_changes_by_message` ON `message_changes` (`message_id`,`seq`);--> statement-breakpoint
CREATE TABLE `operations` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`device_id` text NOT NULL,
	`kind` text NOT NULL,
	`input` text NOT NULL,
	`state` text NOT NULL,
	`result` text,
	`due_at` integer,
	`owner` text,
	`epoch` integer,
	`attempts` integer NOT NULL,
	`error_code` text,
	`error_detail` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "operations_state" CHECK("state" in ('queued', 'running', 'done', 'failed', 'unknown')),
	CONSTRAINT "operations_due_at" CHECK(due_at is null or state = 'queued'),
	CONSTRAINT "operations_running" CHECK((state = 'running') = (owner is not null) and ("owner" is null) = ("epoch" is null)),
	CONSTRAINT "operations_error" CHECK(("error_code" is null) = ("error_detail" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `operations_id` ON `operations` (`id`);--> statement-breakpoint
CREATE INDEX `operations_by_device` ON `operations` (`device_id`,`seq`);--> statement-breakpoint
CREATE INDEX `operations_due` ON `operations` (`device_id`,`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE TABLE `poll_votes` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`device_id` text NOT NULL,
	`by_pn` text,
	`by_lid` text,
	`options` text NOT NULL,
	`act_id` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `poll_votes_by_message` ON `poll_votes` (`message_id`,`seq`);--> statement-breakpoint
CREATE TABLE `reactions` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`device_id` text NOT NULL,
	`by_pn` text,
	`by_lid` text,
	`emoji` text NOT NULL,
	`act_id` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `reactions_by_message` ON `reactions` (`message_id`,`seq`);--> statement-breakpoint
CREATE TABLE `receipts` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`device_id` text NOT NULL,
	`by_pn` text,
	`by_lid` text,
	`delivered_at` integer,
	`read_at` integer,
	`played_at` integer
);
--> statement-breakpoint
CREATE INDEX `receipts_by_message` ON `receipts` (`message_id`,`seq`);--> statement-breakpoint
ALTER TABLE `messages` ADD `body` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `target_id` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `target_whatsapp_id` text;--> statement-breakpoint
ALTER TABLE `messages` ADD `edited_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `deleted_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `starred_at` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `pinned_until` integer;--> statement-breakpoint
CREATE INDEX `messages_by_target` ON `messages` (`target_id`,`created_at`) WHERE target_id is not null;--> statement-breakpoint
CREATE INDEX `messages_without_target` ON `messages` (`device_id`,`target_whatsapp_id`) WHERE target_id is null and target_whatsapp_id is not null;--> statement-breakpoint
DROP VIEW `v_messages`;--> statement-breakpoint
CREATE VIEW `v_media` AS 
select seq, id, device_id, message_id, source, state, mimetype, bytes, filename, width, height, seconds, sha256, attempts,
  error_code, error_detail, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', stored_at / 1000.0, 'unixepoch') as stored_at, strftime('%Y-%m-%dT%H:%M:%fZ', removed_at / 1000.0, 'unixepoch') as removed_at
from media;--> statement-breakpoint
CREATE VIEW `v_message_changes` AS 
select seq, message_id, device_id, kind, coalesce(by_pn, by_lid) as changed_by, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, text as text_before, body as body_before, act_id
from message_changes;--> statement-breakpoint
CREATE VIEW `v_operations` AS 
select seq, id, device_id, kind, state, input, result, attempts, error_code, error_detail, owner, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at
from operations;--> statement-breakpoint
CREATE VIEW `v_poll_votes` AS 
select message_id, device_id, coalesce(by_pn, by_lid) as sender, options, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, act_id from poll_votes;--> statement-breakpoint
CREATE VIEW `v_reactions` AS 
select message_id, device_id, coalesce(by_pn, by_lid) as sender, emoji, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, act_id from reactions;--> statement-breakpoint
CREATE VIEW `v_receipts` AS 
select message_id, device_id, coalesce(by_pn, by_lid) as member, strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') as delivered_at, strftime('%Y-%m-%dT%H:%M:%fZ', read_at / 1000.0, 'unixepoch') as read_at, strftime('%Y-%m-%dT%H:%M:%fZ', played_at / 1000.0, 'unixepoch') as played_at
from receipts;--> statement-breakpoint
CREATE VIEW `v_messages` AS 
select seq, id, device_id, direction, coalesce(chat_pn, chat_lid) as chat, coalesce(sender_pn, sender_lid) as sender,
  sender_name, type, text, status, error_code, error_detail, attempts, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', sending_at / 1000.0, 'unixepoch') as sending_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') as sent_at, strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') as delivered_at, strftime('%Y-%m-%dT%H:%M:%fZ', read_at / 1000.0, 'unixepoch') as read_at, strftime('%Y-%m-%dT%H:%M:%fZ', played_at / 1000.0, 'unixepoch') as played_at, strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') as failed_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', whatsapp_at / 1000.0, 'unixepoch') as whatsapp_at, whatsapp_id, body, target_id, strftime('%Y-%m-%dT%H:%M:%fZ', edited_at / 1000.0, 'unixepoch') as edited_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000.0, 'unixepoch') as deleted_at, strftime('%Y-%m-%dT%H:%M:%fZ', starred_at / 1000.0, 'unixepoch') as starred_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', pinned_until / 1000.0, 'unixepoch') as pinned_until
from messages;