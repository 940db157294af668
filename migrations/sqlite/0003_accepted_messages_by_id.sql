DROP INDEX `messages_by_whatsapp_id`;--> statement-breakpoint
CREATE INDEX `messages_by_whatsapp_id` ON `messages` (`device_id`,`whatsapp_id`) WHERE id <> whatsapp_id;