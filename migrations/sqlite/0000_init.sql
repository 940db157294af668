CREATE TABLE `addresses` (
	`device_id` text NOT NULL,
	`lid` text NOT NULL,
	`pn` text NOT NULL,
	`learned_at` integer NOT NULL,
	PRIMARY KEY(`device_id`, `lid`)
);
--> statement-breakpoint
CREATE INDEX `addresses_by_pn` ON `addresses` (`device_id`,`pn`,`learned_at`);--> statement-breakpoint
CREATE TABLE `audit_entries` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`at` integer NOT NULL,
	`actor_kind` text NOT NULL,
	`actor_id` text,
	`request_id` text NOT NULL,
	`action` text NOT NULL,
	`target_kind` text NOT NULL,
	`target_id` text NOT NULL,
	`before` text,
	`after` text
);
--> statement-breakpoint
CREATE TABLE `auth_creds` (
	`device_id` text PRIMARY KEY NOT NULL,
	`creds` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `auth_keys` (
	`device_id` text NOT NULL,
	`type` text NOT NULL,
	`key_id` text NOT NULL,
	`bytes` blob,
	`json` text,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`device_id`, `type`, `key_id`),
	CONSTRAINT "auth_keys_value" CHECK((bytes is null) <> (json is null))
);
--> statement-breakpoint
CREATE TABLE `auth_quarantine` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`device_id` text NOT NULL,
	`at` integer NOT NULL,
	`reason` text NOT NULL,
	`type` text,
	`key_id` text,
	`bytes` blob,
	`json` text
);
--> statement-breakpoint
CREATE TABLE `devices` (
	`id` text PRIMARY KEY NOT NULL,
	`desired` text NOT NULL,
	`generation` integer NOT NULL,
	`settled_generation` integer NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`detail` text,
	`status_at` integer NOT NULL,
	`started_at` integer NOT NULL,
	`not_before` integer,
	`qr_text` text,
	`qr_data_url` text,
	`qr_expires_at` integer,
	`pairing_phone` text,
	`pairing_requested_at` integer,
	`pairing_code` text,
	`pairing_error` text,
	`account_pn` text,
	`account_lid` text,
	`push_name` text,
	`paired_at` integer,
	`last_connected_at` integer,
	`unlink_requested_at` integer,
	`removed_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	CONSTRAINT "devices_desired" CHECK("desired" in ('running', 'stopped', 'removed')),
	CONSTRAINT "devices_status" CHECK("status" in ('starting', 'connecting', 'waiting_for_scan', 'connected', 'reconnecting', 'disconnected')),
	CONSTRAINT "devices_generation" CHECK(settled_generation <= generation),
	CONSTRAINT "devices_qr" CHECK(("qr_text" is null) = ("qr_data_url" is null) and ("qr_text" is null) = ("qr_expires_at" is null)),
	CONSTRAINT "devices_pairing" CHECK(("pairing_phone" is null) = ("pairing_requested_at" is null)),
	CONSTRAINT "devices_account" CHECK(account_pn is not null or (account_lid is null and push_name is null))
);
--> statement-breakpoint
CREATE INDEX `devices_unsettled` ON `devices` (`id`) WHERE generation > settled_generation;--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`device_id` text NOT NULL,
	`data` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_by_device` ON `events` (`device_id`,`seq`);--> statement-breakpoint
CREATE TABLE `journal` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`device_id` text NOT NULL,
	`hash` blob NOT NULL,
	`stanza_key` text NOT NULL,
	`part` integer NOT NULL,
	`parts` integer NOT NULL,
	`journaled_at` integer NOT NULL,
	`promoted_at` integer,
	`stanza` text NOT NULL,
	`plaintext` blob NOT NULL,
	CONSTRAINT "journal_part" CHECK(part >= 0 and part < parts)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `journal_hash` ON `journal` (`device_id`,`hash`);--> statement-breakpoint
CREATE INDEX `journal_pending` ON `journal` (`device_id`,`stanza_key`,`parts`,`part`) WHERE promoted_at is null;--> statement-breakpoint
CREATE INDEX `journal_promoted` ON `journal` (`device_id`,`journaled_at`) WHERE promoted_at is not null;--> statement-breakpoint
CREATE TABLE `leases` (
	`name` text PRIMARY KEY NOT NULL,
	`owner` text,
	`epoch` integer NOT NULL,
	`expires_at` integer NOT NULL,
	CONSTRAINT "leases_epoch" CHECK(epoch >= 1)
);
--> statement-breakpoint
CREATE TABLE `messages` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`device_id` text NOT NULL,
	`whatsapp_id` text NOT NULL,
	`direction` text NOT NULL,
	`chat_pn` text,
	`chat_lid` text,
	`sender_pn` text,
	`sender_lid` text,
	`sender_name` text,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`error_code` text,
	`error_detail` text,
	`attempts` integer NOT NULL,
	`whatsapp_at` integer,
	`created_at` integer NOT NULL,
	`sending_at` integer,
	`sent_at` integer,
	`delivered_at` integer,
	`read_at` integer,
	`played_at` integer,
	`failed_at` integer,
	`text` text,
	`content` blob,
	CONSTRAINT "messages_direction" CHECK("direction" in ('inbound', 'outbound')),
	CONSTRAINT "messages_status" CHECK("status" in ('queued', 'sending', 'sent', 'delivered', 'read', 'played', 'failed')),
	CONSTRAINT "messages_chat" CHECK(chat_pn is not null or chat_lid is not null),
	CONSTRAINT "messages_error" CHECK(("error_code" is null) = ("error_detail" is null)),
	CONSTRAINT "messages_failed" CHECK(status <> 'failed' or (error_code is not null and failed_at is not null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_id` ON `messages` (`id`);--> statement-breakpoint
CREATE INDEX `messages_by_whatsapp_id` ON `messages` (`device_id`,`whatsapp_id`);--> statement-breakpoint
CREATE INDEX `messages_by_device` ON `messages` (`device_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_by_chat_pn` ON `messages` (`device_id`,`chat_pn`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_by_chat_lid` ON `messages` (`device_id`,`chat_lid`,`created_at`) WHERE chat_lid is not null;--> statement-breakpoint
CREATE INDEX `messages_by_status` ON `messages` (`device_id`,`status`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_by_direction` ON `messages` (`device_id`,`direction`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_without_sender_pn` ON `messages` (`device_id`,`sender_lid`) WHERE sender_pn is null;--> statement-breakpoint
CREATE INDEX `messages_without_sender_lid` ON `messages` (`device_id`,`sender_pn`) WHERE sender_lid is null;--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `outbox` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`device_id` text NOT NULL,
	`chat` text NOT NULL,
	`state` text NOT NULL,
	`due_at` integer,
	`owner` text,
	`epoch` integer,
	`attempts` integer NOT NULL,
	`error_code` text,
	`error_detail` text,
	`idempotency_key` text,
	`request_hash` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "outbox_state" CHECK("state" in ('queued', 'sending', 'sent', 'failed', 'cancelled')),
	CONSTRAINT "outbox_due" CHECK(due_at is null or state = 'queued'),
	CONSTRAINT "outbox_sending" CHECK((state = 'sending') = (owner is not null) and ("owner" is null) = ("epoch" is null)),
	CONSTRAINT "outbox_error" CHECK(("error_code" is null) = ("error_detail" is null)),
	CONSTRAINT "outbox_failed" CHECK(state <> 'failed' or error_code is not null),
	CONSTRAINT "outbox_idempotency" CHECK(("idempotency_key" is null) = ("request_hash" is null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_message` ON `outbox` (`message_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_idempotency` ON `outbox` (`device_id`,`idempotency_key`) WHERE idempotency_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_in_flight` ON `outbox` (`device_id`,`chat`) WHERE state = 'sending';--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`device_id`,`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `outbox_open` ON `outbox` (`device_id`,`chat`,`seq`) WHERE state in ('queued', 'sending');--> statement-breakpoint
CREATE TABLE `status_history` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`device_id` text NOT NULL,
	`at` integer NOT NULL,
	`status` text NOT NULL,
	`previous` text,
	`reason` text,
	`detail` text,
	CONSTRAINT "status_history_status" CHECK("status" in ('starting', 'connecting', 'waiting_for_scan', 'connected', 'reconnecting', 'disconnected')),
	CONSTRAINT "status_history_previous" CHECK(previous is null or "previous" in ('starting', 'connecting', 'waiting_for_scan', 'connected', 'reconnecting', 'disconnected'))
);
--> statement-breakpoint
CREATE INDEX `status_history_by_device` ON `status_history` (`device_id`,`seq`);--> statement-breakpoint
CREATE VIEW `v_audit_entries` AS 
select seq, id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, actor_kind, actor_id, action, target_kind, target_id, before, after, request_id
from audit_entries;--> statement-breakpoint
CREATE VIEW `v_devices` AS 
select d.id, d.desired, case
    when d.status in ('disconnected', 'starting') or l.expires_at > (julianday('now') - 2440587.5) * 86400000.0 then d.status
    when d.account_pn is null then 'connecting'
    else 'reconnecting'
  end as status, d.reason, d.detail, strftime('%Y-%m-%dT%H:%M:%fZ', d.status_at / 1000.0, 'unixepoch') as status_at,
  d.account_pn as phone, d.account_lid as lid, d.push_name, d.generation, d.settled_generation,
  d.status as stored_status, l.owner as connector, strftime('%Y-%m-%dT%H:%M:%fZ', l.expires_at / 1000.0, 'unixepoch') as lease_expires_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.qr_expires_at / 1000.0, 'unixepoch') as qr_expires_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.pairing_requested_at / 1000.0, 'unixepoch') as pairing_requested_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.not_before / 1000.0, 'unixepoch') as not_before,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.started_at / 1000.0, 'unixepoch') as started_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.paired_at / 1000.0, 'unixepoch') as paired_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.last_connected_at / 1000.0, 'unixepoch') as last_connected_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.unlink_requested_at / 1000.0, 'unixepoch') as unlink_requested_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.removed_at / 1000.0, 'unixepoch') as removed_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', d.updated_at / 1000.0, 'unixepoch') as updated_at
from devices d left join leases l on l.name = 'device/' || d.id;--> statement-breakpoint
CREATE VIEW `v_events` AS 
select seq, id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, type, device_id, data from events;--> statement-breakpoint
CREATE VIEW `v_leases` AS 
select name, owner, epoch, strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') as expires_at from leases;--> statement-breakpoint
CREATE VIEW `v_messages` AS 
select seq, id, device_id, direction, coalesce(chat_pn, chat_lid) as chat, coalesce(sender_pn, sender_lid) as sender,
  sender_name, type, text, status, error_code, error_detail, attempts, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', sending_at / 1000.0, 'unixepoch') as sending_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') as sent_at, strftime('%Y-%m-%dT%H:%M:%fZ', delivered_at / 1000.0, 'unixepoch') as delivered_at, strftime('%Y-%m-%dT%H:%M:%fZ', read_at / 1000.0, 'unixepoch') as read_at, strftime('%Y-%m-%dT%H:%M:%fZ', played_at / 1000.0, 'unixepoch') as played_at, strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') as failed_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', whatsapp_at / 1000.0, 'unixepoch') as whatsapp_at, whatsapp_id
from messages;--> statement-breakpoint
CREATE VIEW `v_outbox` AS 
select seq, message_id, device_id, chat, state, strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') as due_at, attempts, owner, epoch, error_code, error_detail,
  idempotency_key, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') as created_at, strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') as updated_at
from outbox;--> statement-breakpoint
CREATE VIEW `v_status_history` AS 
select seq, device_id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') as at, previous, status, reason, detail from status_history;