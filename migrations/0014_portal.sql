CREATE TABLE `appeals` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tester` text NOT NULL,
	`at` integer NOT NULL,
	`text` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `appeals_by_tester` ON `appeals` (`tester`);--> statement-breakpoint
CREATE TABLE `attachments` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`finding` integer NOT NULL,
	`tester` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`bytes` integer NOT NULL,
	`sha256` text NOT NULL,
	`data` blob NOT NULL
);
--> statement-breakpoint
CREATE INDEX `attachments_by_finding` ON `attachments` (`finding`);--> statement-breakpoint
CREATE INDEX `attachments_by_tester` ON `attachments` (`tester`);--> statement-breakpoint
CREATE TABLE `feedback` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tester` text NOT NULL,
	`at` integer NOT NULL,
	`rating` integer NOT NULL,
	`text` text NOT NULL,
	`request` text,
	`object` text,
	CONSTRAINT "feedback_rating" CHECK("feedback"."rating" between 1 and 5)
);
--> statement-breakpoint
CREATE INDEX `feedback_by_tester` ON `feedback` (`tester`);--> statement-breakpoint
CREATE TABLE `findings` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tester` text NOT NULL,
	`at` integer NOT NULL,
	`title` text NOT NULL,
	`severity` text NOT NULL,
	`category` text NOT NULL,
	`reproduction` text NOT NULL,
	`request` text,
	`object` text,
	`status` text DEFAULT 'new' NOT NULL,
	`answer` text,
	`status_at` integer,
	`status_by` text
);
--> statement-breakpoint
CREATE INDEX `findings_by_tester` ON `findings` (`tester`);--> statement-breakpoint
CREATE INDEX `findings_by_status` ON `findings` (`status`);--> statement-breakpoint
CREATE TABLE `portal_links` (
	`hash` text PRIMARY KEY NOT NULL,
	`tester` text NOT NULL,
	`at` integer NOT NULL,
	`by` text NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `portal_sessions` (
	`hash` text PRIMARY KEY NOT NULL,
	`tester` text NOT NULL,
	`jti` text,
	`kid` text,
	`issued_at` integer NOT NULL,
	`at` integer NOT NULL,
	`expires_at` integer NOT NULL
) WITHOUT ROWID;