CREATE TABLE `bulk_recipients` (
	`bulk_id` text NOT NULL,
	`seq` integer NOT NULL,
	`recipient` text NOT NULL,
	`chat` text,
	`variables` text,
	`state` text NOT NULL,
	`error_code` text,
	`error_detail` text,
	`message_id` text NOT NULL,
	PRIMARY KEY(`bulk_id`, `seq`),
	CONSTRAINT "bulk_recipients_state" CHECK("state" in ('waiting', 'fed', 'invalid', 'duplicate', 'cancelled')),
	CONSTRAINT "bulk_recipients_error" CHECK(("error_code" is null) = ("error_detail" is null))
);
--> statement-breakpoint
CREATE INDEX `bulk_recipients_waiting` ON `bulk_recipients` (`bulk_id`,`seq`) WHERE state = 'waiting';--> statement-breakpoint
CREATE TABLE `bulks` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`device_id` text NOT NULL,
	`state` text NOT NULL,
	`body` text NOT NULL,
	`plan` text NOT NULL,
	`sender_pn` text NOT NULL,
	`sender_lid` text,
	`sender_name` text,
	`total` integer NOT NULL,
	`idempotency_key` text,
	`request_hash` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`ended_at` integer,
	CONSTRAINT "bulks_state" CHECK("state" in ('running', 'paused', 'cancelled', 'done')),
	CONSTRAINT "bulks_idempotency_key" CHECK(("idempotency_key" is null) = ("request_hash" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `bulks_id` ON `bulks` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `bulks_idempotency` ON `bulks` (`device_id`,`idempotency_key`) WHERE idempotency_key is not null;--> statement-breakpoint
CREATE INDEX `bulks_by_device` ON `bulks` (`device_id`,`seq`);--> statement-breakpoint
CREATE INDEX `bulks_open` ON `bulks` (`state`,`seq`) WHERE ended_at is null;--> statement-breakpoint
CREATE TABLE `numbers` (
	`number` text PRIMARY KEY NOT NULL,
	`jid` text,
	`checked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `paced_sends` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`device_id` text NOT NULL,
	`at` integer NOT NULL,
	`new_chat` integer NOT NULL,
	`gap_ms` integer NOT NULL,
	`new_chat_gap_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `paced_sends_by_device` ON `paced_sends` (`device_id`,`at`);--> statement-breakpoint
CREATE INDEX `paced_sends_new_chats` ON `paced_sends` (`device_id`,`at`) WHERE new_chat = 1;--> statement-breakpoint
DROP INDEX `outbox_due`;--> statement-breakpoint
DROP INDEX `outbox_open`;--> statement-breakpoint
ALTER TABLE `outbox` ADD `rank` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `outbox` ADD `send_at` integer;--> statement-breakpoint
ALTER TABLE `outbox` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `outbox` ADD `typing_ms` integer;--> statement-breakpoint
ALTER TABLE `outbox` ADD `parked_for` text;--> statement-breakpoint
ALTER TABLE `outbox` ADD `held_for` text;--> statement-breakpoint
ALTER TABLE `outbox` ADD `uncertain` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `outbox` ADD `bulk_id` text;--> statement-breakpoint
CREATE INDEX `outbox_parked` ON `outbox` (`device_id`,`seq`) WHERE parked_for is not null;--> statement-breakpoint
CREATE INDEX `outbox_scheduled` ON `outbox` (`send_at`,`seq`) WHERE parked_for = 'time';--> statement-breakpoint
CREATE INDEX `outbox_scheduled_by_device` ON `outbox` (`device_id`,`send_at`,`seq`) WHERE parked_for = 'time';--> statement-breakpoint
CREATE INDEX `outbox_expiring` ON `outbox` (`expires_at`) WHERE expires_at is not null and state = 'queued';--> statement-breakpoint
CREATE INDEX `outbox_held` ON `outbox` (`device_id`,`rank`,`seq`) WHERE held_for is not null;--> statement-breakpoint
CREATE INDEX `outbox_of_bulk` ON `outbox` (`bulk_id`,`seq`) WHERE bulk_id is not null and state in ('queued', 'sending');--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`device_id`,`rank`,`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `outbox_open` ON `outbox` (`device_id`,`chat`,`seq`) WHERE state in ('queued', 'sending') and parked_for is null;--> statement-breakpoint
ALTER TABLE `devices` ADD `pacing` text;--> statement-breakpoint
ALTER TABLE `devices` ADD `restricted_until` integer;--> statement-breakpoint
DROP VIEW `v_devices`;--> statement-breakpoint
DROP VIEW `v_outbox`;--> statement-breakpoint
CREATE VIEW `v_bulk_recipients` AS 
select bulk_id, seq, recipient, chat, variables, state, error_code, error_detail, message_id from bulk_recipients;--> statement-breakpoint
CREATE VIEW `v_bulks` AS 
select id, device_id, state, total, body, plan, sender_pn as sender, idempotency_key, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') as ended_at
from bulks;--> statement-breakpoint
CREATE VIEW `v_numbers` AS 
select number, jid, strftime('%Y-%m-%dT%H:%M:%fZ', checked_at / 1000.0, 'unixepoch') as checked_at from numbers;--> statement-breakpoint
CREATE VIEW `v_devices` AS 
select d.id, d.desired, case
    when d.status in ('disconnected', 'starting') or l.expires_at > (julianday('now') - 2440587.5) * 86400000.0 then d.status
    when d.account_pn is null then 'connecting'
    else 'reconnecting'
  end as status, d.reason, d.detail, strftime('%Y-%m-%dT%H:%M:%fZ', d.status_at / 1000.0, 'unixepoch') as status_at,
  d.account_pn as phone, d.account_lid as lid, d.push_name, d.generation, d.settled_generation,
  d.status as stored_status, l.owner as connector, strftime('%Y-%m-%dT%H:%M:%fZ', l.expires_at / 1000.0, 'unixepoch') as lease_expires_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.qr_expires_at / 1000.0, 'unixepoch') as qr_expires_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.pairing_requested_at / 1000.0, 'unixepoch') as pairing_requested_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.not_before / 1000.0, 'unixepoch') as not_before,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.started_at / 1000.0, 'unixepoch') as started_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.paired_at / 1000.0, 'unixepoch') as paired_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.last_connected_at / 1000.0, 'unixepoch') as last_connected_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.unlink_requested_at / 1000.0, 'unixepoch') as unlink_requested_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.removed_at / 1000.0, 'unixepoch') as removed_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.updated_at / 1000.0, 'unixepoch') as updated_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.restricted_until / 1000.0, 'unixepoch') as restricted_until, d.pacing
from devices d left join leases l on l.name = 'device/' || d.id;--> statement-breakpoint
CREATE VIEW `v_outbox` AS 
select seq, message_id, device_id, chat, state, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at, attempts, owner, epoch, error_code, error_detail,
  idempotency_key, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', retried_at / 1000.0, 'unixepoch') as retried_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at, rank, strftime('%Y-%m-%dT%H:%M:%fZ', send_at / 1000.0, 'unixepoch') as send_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') as expires_at, typing_ms, parked_for, held_for, uncertain, bulk_id
from outbox;