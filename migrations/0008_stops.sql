CREATE TABLE `cancellations` (
	`switch` integer NOT NULL,
	`object` text NOT NULL,
	`state` text DEFAULT 'waiting' NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`status` integer,
	`at` integer NOT NULL,
	PRIMARY KEY(`switch`, `object`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `cancellations_waiting` ON `cancellations` (`at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE TABLE `readmissions` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`switch` integer NOT NULL,
	`scope` text NOT NULL,
	`reason` text,
	`at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`by` text DEFAULT 'sqlite' NOT NULL,
	`leaf` integer,
	CONSTRAINT "readmission_scope" CHECK("readmissions"."scope" glob 'cohort:?*' or "readmissions"."scope" glob 'tester:?*')
);
--> statement-breakpoint
CREATE UNIQUE INDEX `readmissions_by_switch` ON `readmissions` (`switch`,`scope`);--> statement-breakpoint
CREATE INDEX `readmissions_unsealed` ON `readmissions` (`id`) WHERE leaf is null;--> statement-breakpoint
ALTER TABLE `confirmations` ADD `last_byte_at` integer;--> statement-breakpoint
ALTER TABLE `objects` ADD `model` text;--> statement-breakpoint
ALTER TABLE `objects` ADD `token` text;--> statement-breakpoint
UPDATE `objects` SET (`model`, `token`) = (SELECT `model`, `token` FROM `requests` WHERE `requests`.`id` = `objects`.`request`);--> statement-breakpoint
CREATE INDEX `objects_pending` ON `objects` (`id`) WHERE pending is not null;--> statement-breakpoint
ALTER TABLE `switches` ADD `note` text;--> statement-breakpoint
ALTER TABLE `switches` ADD `until` integer;--> statement-breakpoint
ALTER TABLE `switches` ADD `cancels` integer;