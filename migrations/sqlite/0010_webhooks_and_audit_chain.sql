CREATE TABLE `audit_checkpoints` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`entry_seq` integer NOT NULL,
	`count` integer NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `webhook_attempts` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`delivery_id` text NOT NULL,
	`number` integer NOT NULL,
	`at` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	`status` integer,
	`response_head` text,
	`error_code` text,
	`error_detail` text,
	CONSTRAINT "webhook_attempts_error" CHECK(("error_code" is null) = ("error_detail" is null))
);
--> statement-breakpoint
CREATE INDEX `webhook_attempts_by_delivery` ON `webhook_attempts` (`delivery_id`,`seq`);--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`endpoint_id` text NOT NULL,
	`event_seq` integer NOT NULL,
	`event_id` text NOT NULL,
	`event_type` text NOT NULL,
	`device_id` text,
	`origin` text NOT NULL,
	`state` text NOT NULL,
	`attempts` integer NOT NULL,
	`round_from` integer NOT NULL,
	`due_at` integer,
	`owner` text,
	`epoch` integer,
	`last_status` integer,
	`error_code` text,
	`error_detail` text,
	`created_at` integer NOT NULL,
	`attempted_at` integer,
	`settled_at` integer,
	CONSTRAINT "webhook_deliveries_state" CHECK("state" in ('waiting', 'sending', 'delivered', 'failed', 'cancelled')),
	CONSTRAINT "webhook_deliveries_origin" CHECK("origin" in ('event', 'replay', 'test')),
	CONSTRAINT "webhook_deliveries_due_at" CHECK(due_at is null or state = 'waiting'),
	CONSTRAINT "webhook_deliveries_sending" CHECK((state = 'sending') = (owner is not null) and ("owner" is null) = ("epoch" is null)),
	CONSTRAINT "webhook_deliveries_settled" CHECK((settled_at is null) = (state in ('waiting', 'sending'))),
	CONSTRAINT "webhook_deliveries_error" CHECK(("error_code" is null) = ("error_detail" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhook_deliveries_id` ON `webhook_deliveries` (`id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`endpoint_id`,`due_at`,`seq`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `webhook_deliveries_open` ON `webhook_deliveries` (`endpoint_id`,`device_id`,`seq`) WHERE state in ('waiting', 'sending');--> statement-breakpoint
CREATE INDEX `webhook_deliveries_sending` ON `webhook_deliveries` (`seq`) WHERE state = 'sending';--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_endpoint` ON `webhook_deliveries` (`endpoint_id`,`seq`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_state` ON `webhook_deliveries` (`endpoint_id`,`state`,`seq`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_event` ON `webhook_deliveries` (`event_seq`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_settled` ON `webhook_deliveries` (`settled_at`) WHERE settled_at is not null;--> statement-breakpoint
CREATE TABLE `webhook_endpoints` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`url` text NOT NULL,
	`description` text,
	`state` text NOT NULL,
	`disabled_reason` text,
	`disabled_seq` integer,
	`secret` text NOT NULL,
	`previous_secret` text,
	`previous_secret_until` integer,
	`filter` text NOT NULL,
	`headers` text NOT NULL,
	`format` text NOT NULL,
	`media` text NOT NULL,
	`ordered` integer NOT NULL,
	`concurrency` integer NOT NULL,
	`failures` integer NOT NULL,
	`failing_since` integer,
	`not_before` integer,
	`recovered_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "webhook_endpoints_state" CHECK("state" in ('active', 'paused', 'disabled', 'removed')),
	CONSTRAINT "webhook_endpoints_format" CHECK("format" in ('event', 'plain')),
	CONSTRAINT "webhook_endpoints_media" CHECK("media" in ('link', 'inline')),
	CONSTRAINT "webhook_endpoints_previous" CHECK(("previous_secret" is null) = ("previous_secret_until" is null)),
	CONSTRAINT "webhook_endpoints_disabled" CHECK(state <> 'disabled' or disabled_reason is not null)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhook_endpoints_id` ON `webhook_endpoints` (`id`);--> statement-breakpoint
DROP VIEW `v_events`;--> statement-breakpoint
CREATE TABLE `__new_events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`device_id` text,
	`data` text NOT NULL
);
--> statement-breakpoint
INSERT INTO `__new_events`("seq", "id", "at", "type", "device_id", "data") SELECT "seq", "id", "at", "type", "device_id", "data" FROM `events`;--> statement-breakpoint
DROP TABLE `events`;--> statement-breakpoint
ALTER TABLE `__new_events` RENAME TO `events`;--> statement-breakpoint
CREATE VIEW `v_events` AS 
select seq, id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, type, device_id, data from events;--> statement-breakpoint
INSERT INTO `meta` (`key`, `value`) SELECT 'events_floor', CAST(coalesce(max(`seq`), 0) AS TEXT) FROM `events`;--> statement-breakpoint
CREATE INDEX `events_by_device` ON `events` (`device_id`,`seq`);--> statement-breakpoint
ALTER TABLE `audit_entries` ADD `address` text;--> statement-breakpoint
ALTER TABLE `audit_entries` ADD `salt` text;--> statement-breakpoint
ALTER TABLE `audit_entries` ADD `content_hash` text;--> statement-breakpoint
ALTER TABLE `audit_entries` ADD `hash` text;--> statement-breakpoint
ALTER TABLE `audit_entries` ADD `erased_by` text;--> statement-breakpoint
CREATE INDEX `audit_entries_by_target` ON `audit_entries` (`target_kind`,`target_id`,`seq`);--> statement-breakpoint
CREATE INDEX `audit_entries_by_time` ON `audit_entries` (`at`);--> statement-breakpoint
DROP VIEW `v_audit_entries`;--> statement-breakpoint
DROP VIEW `v_status_history`;--> statement-breakpoint
CREATE VIEW `v_audit` AS 
select seq, id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, actor_kind || coalesce(' ' || actor_id, '') as actor, address, action, target_kind, target_id,
  before, after, request_id, erased_by, hash
from audit_entries;--> statement-breakpoint
CREATE VIEW `v_audit_checkpoints` AS 
select seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, entry_seq, count, hash from audit_checkpoints;--> statement-breakpoint
CREATE VIEW `v_deliveries` AS 
select d.seq, d.id, d.endpoint_id, e.url, d.event_seq, d.event_id, d.event_type, d.device_id, d.origin, d.state, d.attempts,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.due_at / 1000.0, 'unixepoch') as due_at, d.last_status, d.error_code, d.error_detail, strftime('%Y-%m-%dT%H:%M:%fZ', d.created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.attempted_at / 1000.0, 'unixepoch') as attempted_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.settled_at / 1000.0, 'unixepoch') as settled_at
from webhook_deliveries d left join webhook_endpoints e on e.id = d.endpoint_id;--> statement-breakpoint
CREATE VIEW `v_delivery_attempts` AS 
select delivery_id, number, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, duration_ms, status, error_code, error_detail, response_head from webhook_attempts;--> statement-breakpoint
CREATE VIEW `v_device_history` AS 
select seq, device_id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, strftime('%Y-%m-%dT%H:%M:%fZ', until / 1000.0, 'unixepoch') as until, round((until - at) / 1000.0, 3) as seconds, previous, status, reason, detail
from (select *, lead(at) over (partition by device_id order by seq) as until from status_history);--> statement-breakpoint
CREATE VIEW `v_message_timeline` AS 
select message_id, device_id, chat, direction, strftime('%Y-%m-%dT%H:%M:%fZ', moment / 1000.0, 'unixepoch') as at, step, detail from (
  select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, created_at as moment,
    case when direction = 'inbound' then 'received' when id = whatsapp_id then 'queued' else 'stored' end as step, null as detail
  from messages
  union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, sending_at as moment, 'sending' as step,
    null as detail from messages where sending_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, sent_at as moment, 'sent' as step,
    null as detail from messages where sent_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, delivered_at as moment, 'delivered' as step,
    null as detail from messages where delivered_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, read_at as moment, 'read' as step,
    null as detail from messages where read_at is not null
  union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, played_at as moment, 'played' as step,
    null as detail from messages where played_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, failed_at as moment, 'failed' as step,
    error_code || ': ' || error_detail as detail from messages where failed_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, edited_at as moment, 'edited' as step,
    null as detail from messages where edited_at is not null union all select id as message_id, device_id, coalesce(chat_pn, chat_lid) as chat, direction, deleted_at as moment, 'deleted' as step,
    null as detail from messages where deleted_at is not null
  union all select c.message_id, c.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, c.at,
    'before ' || c.kind, c.text from message_changes c join messages m on m.id = c.message_id
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.at,
    'reaction', coalesce(r.by_pn, r.by_lid) || ' ' || r.emoji from reactions r join messages m on m.id = r.message_id
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.delivered_at,
    'delivered to member', coalesce(r.by_pn, r.by_lid) from receipts r join messages m on m.id = r.message_id where r.delivered_at is not null
  union all select r.message_id, r.device_id, coalesce(m.chat_pn, m.chat_lid), m.direction, r.read_at,
    'read by member', coalesce(r.by_pn, r.by_lid) from receipts r join messages m on m.id = r.message_id where r.read_at is not null
);--> statement-breakpoint
CREATE VIEW `v_webhooks` AS 
select id, url, description, state, disabled_reason, disabled_seq, filter, format, media, ordered, concurrency, failures,
  strftime('%Y-%m-%dT%H:%M:%fZ', failing_since / 1000.0, 'unixepoch') as failing_since, strftime('%Y-%m-%dT%H:%M:%fZ', not_before / 1000.0, 'unixepoch') as not_before, strftime('%Y-%m-%dT%H:%M:%fZ', previous_secret_until / 1000.0, 'unixepoch') as previous_secret_until, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at
from webhook_endpoints;