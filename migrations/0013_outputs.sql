CREATE TABLE `acceptances` (
	`tester` text NOT NULL,
	`version` integer NOT NULL,
	`sha256` text NOT NULL,
	`at` integer NOT NULL,
	`address` text,
	`how` text NOT NULL,
	PRIMARY KEY(`tester`, `version`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `fingerprints` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`object` text NOT NULL,
	`frames` blob NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `fingerprints_by_object` ON `fingerprints` (`object`);--> statement-breakpoint
CREATE TABLE `inspections` (
	`object` text PRIMARY KEY NOT NULL,
	`state` text DEFAULT 'waiting' NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`at` integer NOT NULL,
	`fault` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `inspections_waiting` ON `inspections` (`at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE TABLE `outputs` (
	`object` text NOT NULL,
	`variant` text NOT NULL,
	`sha256` text NOT NULL,
	`tester` text NOT NULL,
	`bytes` integer NOT NULL,
	`media_type` text,
	`at` integer NOT NULL,
	`c2pa` integer,
	PRIMARY KEY(`object`, `variant`, `sha256`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `outputs_by_sha256` ON `outputs` (`sha256`);--> statement-breakpoint
CREATE INDEX `outputs_by_tester` ON `outputs` (`tester`,`at`);--> statement-breakpoint
CREATE TABLE `release_votes` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`release` integer NOT NULL,
	`vote` text NOT NULL,
	`by` text NOT NULL,
	`reason` text,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `release_votes_once` ON `release_votes` (`release`,`by`,`vote`);--> statement-breakpoint
CREATE TABLE `releases` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`object` text NOT NULL,
	`tester` text NOT NULL,
	`purpose` text NOT NULL,
	`place` text NOT NULL,
	`at` integer NOT NULL,
	`state` text DEFAULT 'asked' NOT NULL,
	`state_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `releases_in_force` ON `releases` (`object`) WHERE state in ('asked', 'approved');--> statement-breakpoint
CREATE INDEX `releases_by_state` ON `releases` (`state`,`id`);--> statement-breakpoint
CREATE INDEX `releases_by_tester` ON `releases` (`tester`,`id`);--> statement-breakpoint
CREATE TABLE `share_links` (
	`id` text PRIMARY KEY NOT NULL,
	`release` integer NOT NULL,
	`object` text NOT NULL,
	`at` integer NOT NULL,
	`by` text NOT NULL,
	`expires_at` integer NOT NULL,
	`revoked_at` integer,
	`fetches` integer DEFAULT 0 NOT NULL,
	`last_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `share_links_by_release` ON `share_links` (`release`);--> statement-breakpoint
CREATE TABLE `terms` (
	`version` integer PRIMARY KEY NOT NULL,
	`text` text NOT NULL,
	`sha256` text NOT NULL,
	`at` integer NOT NULL,
	`by` text NOT NULL,
	`grace_until` integer
);
