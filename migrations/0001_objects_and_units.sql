CREATE TABLE `objects` (
	`id` text PRIMARY KEY NOT NULL,
	`tester` text NOT NULL,
	`kind` text NOT NULL,
	`request` text,
	`at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`upstream_at` integer,
	`seconds` real,
	`pending` text,
	`deleted_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `objects_by_tester` ON `objects` (`tester`,`kind`);--> statement-breakpoint
CREATE TABLE `usage` (
	`subject` text NOT NULL,
	`unit` text NOT NULL,
	`day` integer NOT NULL,
	`day_used` real NOT NULL,
	`total_used` real NOT NULL,
	PRIMARY KEY(`subject`, `unit`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `requests` ADD `reserved` text;--> statement-breakpoint
ALTER TABLE `requests` ADD `used` text;--> statement-breakpoint
ALTER TABLE `testers` ADD `quotas` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `last_used_at` integer;