CREATE TABLE `drills` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`by` text NOT NULL,
	`node` text NOT NULL,
	`outcome` text NOT NULL,
	`streams` integer NOT NULL,
	`commit_ms` integer,
	`last_byte_ms` integer,
	`first_refusal_ms` integer,
	`fault` text
);
--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message` text NOT NULL,
	`target` text NOT NULL,
	`event` text NOT NULL,
	`at` integer NOT NULL,
	`body` text NOT NULL,
	`state` text DEFAULT 'waiting' NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_at` integer NOT NULL,
	`fault` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_once` ON `outbox` (`message`,`target`);--> statement-breakpoint
CREATE INDEX `outbox_waiting` ON `outbox` (`target`,`next_at`) WHERE state = 'waiting';