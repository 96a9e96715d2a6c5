CREATE TABLE `acts` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`operator` text NOT NULL,
	`act` text NOT NULL,
	`subject` text NOT NULL,
	`reason` text,
	`address` text
);
--> statement-breakpoint
CREATE TABLE `cohorts` (
	`name` text PRIMARY KEY NOT NULL,
	`created_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `limits` (
	`tester` text PRIMARY KEY NOT NULL,
	`second_points` integer,
	`second_end` integer,
	`minute_points` integer,
	`minute_end` integer,
	`day_points` integer,
	`day_end` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `operators` (
	`name` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`credential_hash` text NOT NULL,
	`created_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `operators_credential_hash_unique` ON `operators` (`credential_hash`);--> statement-breakpoint
CREATE TABLE `probe` (
	`id` integer PRIMARY KEY NOT NULL,
	`pad` blob
);
--> statement-breakpoint
CREATE TABLE `requests` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`tester` text,
	`cohort` text,
	`token` text,
	`client_id` text,
	`client_request_id` text,
	`method` text NOT NULL,
	`path` text NOT NULL,
	`operation` text,
	`model` text,
	`seconds` real,
	`size` text,
	`n` integer,
	`address` text,
	`agent` text,
	`decision` text NOT NULL,
	`rule` text,
	`outcome` text,
	`detail` text,
	`status` integer,
	`upstream_status` integer,
	`upstream_request_id` text,
	`first_byte_ms` real,
	`duration_ms` real,
	`bytes_in` integer DEFAULT 0 NOT NULL,
	`bytes_out` integer DEFAULT 0 NOT NULL,
	`repeats` integer DEFAULT 1 NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `switches` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`scope` text NOT NULL,
	`effect` text DEFAULT 'stop' NOT NULL,
	`reason` text,
	`engaged_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`engaged_by` text DEFAULT 'sqlite' NOT NULL,
	`released_at` integer,
	`released_by` text,
	`release_reason` text,
	CONSTRAINT "switch_effect" CHECK("switches"."effect" in ('stop', 'revoke')),
	CONSTRAINT "switch_scope" CHECK("switches"."scope" = 'global' or "switches"."scope" glob 'cohort:?*' or "switches"."scope" glob 'tester:?*' or "switches"."scope" glob 'token:?*' or "switches"."scope" glob 'model:?*'),
	CONSTRAINT "revocation_stays" CHECK("switches"."effect" = 'stop' or "switches"."released_at" is null)
);
--> statement-breakpoint
CREATE INDEX `switches_engaged` ON `switches` (`scope`) WHERE released_at is null;--> statement-breakpoint
CREATE TABLE `testers` (
	`id` text PRIMARY KEY NOT NULL,
	`cohort` text NOT NULL,
	`name` text,
	`email` text,
	`limits` text,
	`created_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	FOREIGN KEY (`cohort`) REFERENCES `cohorts`(`name`) ON UPDATE no action ON DELETE no action
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tokens` (
	`jti` text PRIMARY KEY NOT NULL,
	`tester` text NOT NULL,
	`issued_at` integer DEFAULT (cast(unixepoch('subsec') * 1000 as integer)) NOT NULL,
	`expires_at` integer NOT NULL,
	FOREIGN KEY (`tester`) REFERENCES `testers`(`id`) ON UPDATE no action ON DELETE no action
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `tokens_by_tester` ON `tokens` (`tester`,`issued_at`);