ALTER TABLE `messages` ADD `deleted_for_me_at` integer;--> statement-breakpoint
ALTER TABLE `operations` ADD `idempotency_key` text;--> statement-breakpoint
ALTER TABLE `operations` ADD `request_hash` text;--> statement-breakpoint
CREATE UNIQUE INDEX `operations_idempotency` ON `operations` (`device_id`,`idempotency_key`) WHERE idempotency_key is not null;--> statement-breakpoint
CREATE INDEX `operations_open` ON `operations` (`device_id`,`seq`) WHERE state in ('queued', 'running');--> statement-breakpoint
DROP VIEW `v_messages`;--> statement-breakpoint
DROP VIEW `v_operations`;--> statement-breakpoint
CREATE VIEW `v_messages` AS 
select seq, id, device_id, direction, coalesce(chat_pn, chat_lid) as chat, coalesce(sender_pn, sender_lid) as sender,
  sender_name, type, text, case when type = 'undecryptable' and status <> 'failed' then 'pending' else status end as status, error_code, error_detail, attempts, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', sending_at / 1000.0, 'unixepoch') as sending_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') as sent_at, strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') as delivered_at, strftime('%Y-%m-%dT%H:%M:%fZ', read_at / 1000.0, 'unixepoch') as read_at, strftime('%Y-%m-%dT%H:%M:%fZ', played_at / 1000.0, 'unixepoch') as played_at, strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') as failed_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', whatsapp_at / 1000.0, 'unixepoch') as whatsapp_at, whatsapp_id, body, target_id, strftime('%Y-%m-%dT%H:%M:%fZ', edited_at / 1000.0, 'unixepoch') as edited_at, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000.0, 'unixepoch') as deleted_at, strftime('%Y-%m-%dT%H:%M:%fZ', starred_at / 1000.0, 'unixepoch') as starred_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', pinned_until / 1000.0, 'unixepoch') as pinned_until, strftime('%Y-%m-%dT%H:%M:%fZ', deleted_for_me_at / 1000.0, 'unixepoch') as deleted_for_me_at
from messages;--> statement-breakpoint
CREATE VIEW `v_operations` AS 
select seq, id, device_id, kind, state, input, result, attempts, error_code, error_detail, owner, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at, idempotency_key
from operations;