ALTER TABLE `bulks` ADD `name` text;--> statement-breakpoint
ALTER TABLE `bulks` ADD `started_at` integer;--> statement-breakpoint
DROP VIEW `v_bulks`;--> statement-breakpoint
CREATE VIEW `v_bulks` AS 
select id, device_id, name, state, total, body, plan, sender_pn as sender, idempotency_key, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') as started_at, strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') as ended_at
from bulks;