ALTER TABLE `outbox` ADD `retried_at` integer;--> statement-breakpoint
DROP VIEW `v_outbox`;--> statement-breakpoint
CREATE VIEW `v_outbox` AS 
select seq, message_id, device_id, chat, state, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at, attempts, owner, epoch, error_code, error_detail,
  idempotency_key, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', retried_at / 1000.0, 'unixepoch') as retried_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at
from outbox;