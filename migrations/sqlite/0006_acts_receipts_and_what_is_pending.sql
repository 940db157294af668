ALTER TABLE `messages` ADD `act` text;--> statement-breakpoint
CREATE INDEX `messages_by_type` ON `messages` (`device_id`,`type`,`created_at`) WHERE type <> 'text';--> statement-breakpoint
CREATE INDEX `messages_pending` ON `messages` (`device_id`,`created_at`) WHERE type = 'undecryptable' and status <> 'failed';--> statement-breakpoint
CREATE UNIQUE INDEX `receipts_by_pn` ON `receipts` (`message_id`,`by_pn`) WHERE by_pn is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `receipts_by_lid` ON `receipts` (`message_id`,`by_lid`) WHERE by_lid is not null;--> statement-breakpoint
DROP VIEW `v_messages`;--> statement-breakpoint
DROP VIEW `v_reactions`;--> statement-breakpoint
CREATE VIEW `v_messages` AS 
select seq, id, device_id, direction, coalesce(chat_pn, chat_lid) as chat, coalesce(sender_pn, sender_lid) as sender,
  sender_name, type, text, case when type = 'undecryptable' and status <> 'failed' then 'pending' else status end as status, error_code, error_detail, attempts, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', sending_at / 1000.0, 'unixepoch') as sending_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') as sent_at, strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') as delivered_at, strftime('%Y-%m-%dT%H:%M:%fZ', read_at / 1000.0, 'unixepoch') as read_at, strftime('%Y-%m-%dT%H:%M:%fZ', played_at / 1000.0, 'unixepoch') as played_at, strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') as failed_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', whatsapp_at / 1000.0, 'unixepoch') as whatsapp_at, whatsapp_id, body, target_id, strftime('%Y-%m-%dT%H:%M:%fZ', edited_at / 1000.0, 'unixepoch') as edited_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000.0, 'unixepoch') as deleted_at, strftime('%Y-%m-%dT%H:%M:%fZ', starred_at / 1000.0, 'unixepoch') as starred_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', pinned_until / 1000.0, 'unixepoch') as pinned_until
from messages;--> statement-breakpoint
CREATE VIEW `v_reactions` AS 
select message_id, device_id, coalesce(by_pn, by_lid) as sender, emoji, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, act_id from reactions where emoji <> '';