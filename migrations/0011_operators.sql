CREATE TABLE `challenges` (
	`hash` text PRIMARY KEY NOT NULL,
	`purpose` text NOT NULL,
	`operator` text,
	`data` text,
	`expires_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `operator_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`operator` text NOT NULL,
	`label` text NOT NULL,
	`hash` text NOT NULL,
	`role` text,
	`created_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`ended_at` integer,
	FOREIGN KEY (`operator`) REFERENCES `operators`(`name`) ON UPDATE no action ON DELETE no action
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `operator_tokens_hash_unique` ON `operator_tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `operator_tokens_by_operator` ON `operator_tokens` (`operator`);--> statement-breakpoint
CREATE TABLE `passkeys` (
	`id` text PRIMARY KEY NOT NULL,
	`operator` text NOT NULL,
	`label` text NOT NULL,
	`public_key` blob NOT NULL,
	`counter` integer NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `passkeys_by_operator` ON `passkeys` (`operator`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`operator` text NOT NULL,
	`method` text NOT NULL,
	`created_at` integer NOT NULL,
	`authenticated_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`ended_at` integer,
	`address` text,
	`agent` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_hash_unique` ON `sessions` (`hash`);--> statement-breakpoint
CREATE INDEX `sessions_by_operator` ON `sessions` (`operator`);--> statement-breakpoint
CREATE TABLE `sign_in_links` (
	`hash` text PRIMARY KEY NOT NULL,
	`operator` text NOT NULL,
	`by` text NOT NULL,
	`expires_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `operator_tokens` (`id`, `operator`, `label`, `hash`, `created_at`) SELECT 'first-' || `name`, `name`, 'from before', `credential_hash`, `created_at` FROM `operators`;--> statement-breakpoint
DROP INDEX `operators_credential_hash_unique`;--> statement-breakpoint
ALTER TABLE `operators` ADD `subject` text;--> statement-breakpoint
ALTER TABLE `operators` ADD `removed_at` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `operators_subject_unique` ON `operators` (`subject`);--> statement-breakpoint
ALTER TABLE `operators` DROP COLUMN `credential_hash`;